"""``retinue dead``."""

from __future__ import annotations

import time
from typing import Any

import click

from retinue.bus.errors import InvalidInput

from ..asking.letters import Opened, letters
from ..asking.letters import opened as opened_letter
from ..asking.records import Letter
from ..client import under
from ..text import ago, shown
from .journal import opened
from .options import Cli, common, on_folder
from .output import Column, json_line, listing, note, record
from .tasks import limit, reason

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda one: one.id),
    ("KIND", lambda one: one.kind),
    ("AGE", lambda one: ago(one.time, time.time())),
    ("WHAT", lambda one: one.what),
    ("FOR", lambda one: one.recipient),
    ("WHY", lambda one: shown(one.dealt or one.reason, 80)),
)


@click.group("dead")
def command() -> None:
    """List, show, redrive and purge dead letters.

    A dead letter is a message that found no reader, or a task that failed for good.
    """


@command.command("list")
@click.option("--all", "dealt", is_flag=True, help="Those too that were redriven or purged.")
@limit
@on_folder
def _list(cli: Cli, limit: int, *, dealt: bool) -> None:
    r"""List dead letters, newest first.

    \b
    Examples:
      retinue dead list
      retinue dead list --all --json
    """
    listing(cli, _letters(cli, limit, dealt=dealt), _COLUMNS, "no dead letters")


@command.command("show")
@click.argument("id")
@on_folder
def _show(cli: Cli, id: str) -> None:
    """Show one dead letter, its whole payload included."""
    found = _opened(cli, id)
    letter = found.letter
    fields = [(title.lower(), read(letter)) for title, read in _COLUMNS[:-1]]
    fields += [("why", letter.reason), ("dealt with", letter.dealt), ("task", letter.task)]
    fields += [("run", letter.run), ("sender", found.sender), ("message", found.message)]
    record(cli, found, [*fields, ("payload", shown(found.payload, 20_000))])


@command.command("redrive")
@click.argument("id")
@common
def _redrive(cli: Cli, id: str) -> None:
    """Do it again: a task as a new task, a message to its recipient."""
    answer = cli.client.post(under("dead", id, "redrive"), dict[str, Any])
    json_line(answer) if cli.as_json else note(f"{id} was sent again: {answer['to']}")


@command.command("purge")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that are on the list.")
@reason
@common
def _purge(cli: Cli, ids: tuple[str, ...], reason: str, *, every: bool) -> None:
    """Take dead letters off the list; the journal keeps them."""
    if bool(ids) == every:
        raise InvalidInput("name the dead letters to purge, or give --all for every one")
    if every:
        found = cli.client.get("/v1/dead", list[dict[str, Any]], {"limit": 10_000})
        ids = tuple(one["id"] for one in found)
    for one in ids:
        answer = cli.client.post(under("dead", one, "purge"), dict[str, Any], {"reason": reason})
        json_line(answer) if cli.as_json else note(f"{one} is off the list")
    if not ids:
        note("no dead letters")


def _letters(cli: Cli, limit: int, *, dealt: bool) -> list[Letter]:
    if cli.remote is not None:
        return cli.client.get("/v1/dead", list[Letter], {"limit": limit, "all": dealt})
    with opened(cli) as journal:
        return letters(journal, dealt=dealt)[: -limit - 1 : -1]


def _opened(cli: Cli, id: str) -> Opened:
    if cli.remote is not None:
        return cli.client.get(under("dead", id), Opened)
    with opened(cli) as journal:
        return opened_letter(journal, id)
