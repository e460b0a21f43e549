"""``retinue runs``."""

from __future__ import annotations

import time
from typing import Any

import click

from retinue.bus.views import RunView

from ..client import under
from ..text import ago
from .options import Cli, common
from .output import Column, json_line, listing, note, record
from .tasks import limit, reason, took

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("RUN", lambda r: r.id),
    ("AGENT", lambda r: r.agent),
    ("STATE", lambda r: r.state),
    ("TASKS", lambda r: r.tasks),
    ("OPEN", lambda r: r.open),
    ("AGE", lambda r: ago(r.started, time.time())),
    ("TOOK", lambda r: took(r.started, r.ended)),
)


@click.group("runs")
def command() -> None:
    """List, show and cancel runs: a task without a parent, and all below it."""


@command.command("list")
@limit
@common
def _list(cli: Cli, limit: int) -> None:
    """List runs, newest first."""
    views = cli.client.get("/v1/runs", list[RunView], {"limit": limit})
    listing(cli, views, _COLUMNS, "no runs yet: submit a task with `retinue submit AGENT`")


@command.command("show")
@click.argument("run")
@common
def _show(cli: Cli, run: str) -> None:
    """Show one run."""
    view = cli.client.get(under("runs", run), RunView)
    fields = [(title.lower(), read(view)) for title, read in _COLUMNS]
    record(cli, view, [*fields, ("root task", view.root)])


@command.command("cancel")
@click.argument("run")
@reason
@common
def _cancel(cli: Cli, run: str, reason: str) -> None:
    """Cancel a run: all of its tasks, tool calls and streams."""
    answer = cli.client.post(under("runs", run, "cancel"), dict[str, Any], {"reason": reason})
    said = "cancelled, with everything under it" if answer["cancelled"] else "had already ended"
    json_line(answer) if cli.as_json else note(f"{run} {said}")
