"""``retinue tasks``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from retinue.bus.errors import Unavailable
from retinue.bus.views import TaskView

from ..asking.tasks import STATES, tasks_of
from ..client import under
from ..text import ago, duration, shown
from .journal import has_journal, opened
from .options import Cli, common
from .output import Column, json_line, listing, note, record

__all__ = ["command", "limit", "reason", "took"]

limit = click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    help="At most so many, newest first.  [100]",
)
reason = click.option("--reason", default="asked for by an operator", help="Goes into the events.")

_COLUMNS: tuple[Column, ...] = (
    ("TASK", lambda t: t.id),
    ("AGENT", lambda t: t.agent),
    ("STATE", lambda t: t.state),
    ("PRIO", lambda t: t.priority),
    ("AGE", lambda t: ago(t.submitted, time.time())),
    ("TOOK", lambda t: took(t.started, t.ended)),
    ("RUN", lambda t: t.run),
    ("WHY", lambda t: shown(t.error or t.waiting_for, 80)),
)


@click.group("tasks")
def command() -> None:
    """List, show, cancel and retry tasks."""


@command.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    help="Only tasks in this state, for example running; or, given a path, another folder.",
)
@click.option("--agent", help="Only tasks of this agent.")
@click.option("--run", help="Only tasks of this run.")
@limit
@common
def _list(cli: Cli, states: tuple[str, ...], **query: Any) -> None:
    r"""List tasks, newest first; without a daemon, those that its journal tells of.

    \b
    Examples:
      retinue tasks list --state running
      retinue tasks list --agent critic --json
    """
    folders = [given for given in states if _is_folder(given)]
    query["state"] = next((given for given in states if given not in folders), None)
    if folders:
        cli = cli.at(folders[-1])
    views = _tasks(cli, query)
    chosen = any(query[name] for name in ("state", "agent", "run"))
    empty = "no such tasks" if chosen else "no tasks yet: submit one with `retinue submit AGENT`"
    listing(cli, views, _COLUMNS, empty)


@command.command("show")
@click.argument("task")
@common
def _show(cli: Cli, task: str) -> None:
    """Show one task, its result included."""
    view = cli.client.get(under("tasks", task), TaskView)
    record(cli, view, _fields(view))


@command.command("cancel")
@click.argument("task")
@reason
@common
def _cancel(cli: Cli, task: str, reason: str) -> None:
    """Cancel a task and everything under it."""
    answer = cli.client.post(under("tasks", task, "cancel"), dict[str, Any], {"reason": reason})
    said = "cancelled, with everything under it" if answer["cancelled"] else "had already ended"
    json_line(answer) if cli.as_json else note(f"{task} {said}")


@command.command("retry")
@click.argument("task")
@common
def _retry(cli: Cli, task: str) -> None:
    """Do a failed or cancelled task once more, as a new task."""
    view = cli.client.post(under("tasks", task, "retry"), TaskView)
    record(cli, view, [("task", view.id), ("run", view.run), ("state", view.state)])


def _is_folder(given: str) -> bool:
    """A state's name is no path: a folder is named by one, or is there."""
    return given not in STATES and ("/" in given or Path(given).is_dir())


def _tasks(cli: Cli, query: Mapping[str, Any]) -> list[TaskView]:
    try:
        return cli.client.get("/v1/tasks", list[TaskView], query)
    except Unavailable:
        if cli.remote is not None or cli.folder.is_held() or not has_journal(cli):
            raise
    with opened(cli) as journal:
        return tasks_of(journal, **query)


def took(started: float | None, ended: float | None) -> str:
    """How long something ran, or has been running."""
    if started is None:
        return "-"
    return duration(max(0.0, (ended or time.time()) - started))


def _fields(view: TaskView) -> list[tuple[str, object]]:
    now = time.time()
    return [
        ("task", view.id),
        ("run", view.run),
        ("agent", view.agent),
        ("state", view.state),
        ("waiting for", view.waiting_for),
        ("priority", view.priority),
        ("parent", view.parent),
        ("attempt", view.attempt),
        ("submitted", f"{ago(view.submitted, now)} ago"),
        ("took", took(view.started, view.ended)),
        ("deadline", _remaining(view, now)),
        ("error", view.error),
        ("result", "" if view.result is None else shown(view.result, 2000)),
    ]


def _remaining(view: TaskView, now: float) -> str:
    if view.deadline is None or view.ended:
        return ""
    left = view.deadline - now
    return f"in {duration(left)}" if left > 0 else f"{duration(-left)} ago"
