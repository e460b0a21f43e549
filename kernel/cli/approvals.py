"""``retinue approvals``."""

from __future__ import annotations

import time

import click

from retinue.bus.views import ApprovalView

from ..client import under
from ..text import ago, duration, shown
from .options import Cli, common
from .output import Column, json_line, listing, note, record
from .tasks import limit

__all__ = ["command"]


def _left(one: ApprovalView) -> str:
    open_still = one.state in ("requested", "granted")
    return duration(max(0.0, one.expires - time.time())) if open_still else ""


_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda one: one.id),
    ("STATE", lambda one: one.state),
    ("AGE", lambda one: ago(one.requested, time.time())),
    ("LEFT", _left),
    ("WHAT", lambda one: f"{one.action} {one.resource} {shown(one.args, 80)}"),
    ("FOR", lambda one: list(one.principals)),
    ("RULE", lambda one: one.rule),
    ("WHO", lambda one: " or ".join(one.who)),
    ("TASK", lambda one: one.task),
)

_reason = click.option("--reason", default="", help="Why, for those who read it later.")


@click.group("approvals")
def command() -> None:
    """List, grant and deny the calls that wait for somebody's word."""


@command.command("list")
@click.option("--all", "every", is_flag=True, help="Those too that were answered or are over.")
@limit
@common
def _list(cli: Cli, limit: int, *, every: bool) -> None:
    r"""List what waits, newest first.

    \b
    Examples:
      retinue approvals list
      retinue approvals list --all --json
    """
    query = {"limit": limit, "state": None if every else "open"}
    found = cli.client.get("/v1/approvals", list[ApprovalView], query)
    listing(cli, found, _COLUMNS, "nothing waits for approval")


@command.command("show")
@click.argument("id")
@common
def _show(cli: Cli, id: str) -> None:
    """Show one approval, with all that the call was given."""
    found = cli.client.get(under("approvals", id), ApprovalView)
    fields: list[tuple[str, object]] = [
        (title.lower(), read(found)) for title, read in _COLUMNS if title != "WHAT"
    ]
    fields += [("action", found.action), ("resource", found.resource)]
    fields += [("args", shown(found.args, 20_000)), ("by", found.by), ("reason", found.reason)]
    record(cli, found, [*fields, ("run", found.run)])


@command.command("grant")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_reason
@common
def _grant(cli: Cli, ids: tuple[str, ...], reason: str) -> None:
    r"""Let calls go on, each once.

    \b
    Examples:
      retinue approvals grant a-5x0c2k9d-17 --reason "the invoice is right"
    """
    _answer(cli, ids, "grant", reason)


@command.command("deny")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_reason
@common
def _deny(cli: Cli, ids: tuple[str, ...], reason: str) -> None:
    """Refuse calls, and those that are the same in their runs."""
    _answer(cli, ids, "deny", reason)


def _answer(cli: Cli, ids: tuple[str, ...], verb: str, reason: str) -> None:
    for one in ids:
        view = cli.client.post(under("approvals", one, verb), ApprovalView, {"reason": reason})
        json_line(view) if cli.as_json else note(f"{one} is {view.state}: {view.resource}")
