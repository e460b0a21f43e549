"""``retinue log``."""

from __future__ import annotations

import time

import click

from retinue.bus.envelope import Event
from retinue.bus.errors import NotFound
from retinue.bus.journal import Filter

from ..asking.history import history_of
from ..asking.log import Page, Wanted, page
from ..asking.source import Source, missing
from ..asking.timeline import LEGEND, timeline
from ..asking.times import moment
from .journal import opened
from .options import Cli, on_folder
from .output import json_line, note
from .trace import log_line

__all__ = ["as_object", "command"]

_SEQ = click.IntRange(min=0)


@click.command("log")
@click.option("--run", default="", help="Only this run.")
@click.option("--task", default="", help="Only this task.")
@click.option("--agent", default="", help="Only this agent.")
@click.option(
    "--type", "types", multiple=True, metavar="GLOB", help="Only such types; may be repeated."
)
@click.option("--after", type=_SEQ, metavar="SEQ", help="Only later events: the next page.")
@click.option("--before", type=_SEQ, metavar="SEQ", help="Only earlier events: the page before.")
@click.option("--since", metavar="TIME", help="From then on: 10m (ago), 14:30, 2025-06-01T14:30.")
@click.option("--until", metavar="TIME", help="Up to then.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, help="At most so many.  [100]"
)
@click.option("--timeline", "bars", is_flag=True, help="Each task of a run as a bar.")
@on_folder
def command(
    cli: Cli,
    run: str,
    task: str,
    agent: str,
    types: tuple[str, ...],
    after: int | None,
    before: int | None,
    since: str | None,
    until: str | None,
    limit: int,
    *,
    bars: bool,
) -> None:
    r"""List events of the journal, the newest page of them unless told otherwise.

    It reads the state folder, with or without a daemon.

    \b
    Examples:
      retinue log --type 'task.*' --since 10m
      retinue log --run r-5x0c2k9d-17 --after 0 --json
      retinue log --run r-5x0c2k9d-17 --timeline
    """
    now = time.time()
    times = [None if text is None else moment(text, now) for text in (since, until)]
    with opened(cli) as journal:
        if bars:
            _bars(cli, journal, run, limit, now)
            return
        only = Filter(run, task, agent, types)
        _print(cli, page(journal, Wanted(only, after, before, times[0], times[1], limit)))


def as_object(event: Event) -> dict[str, object]:
    """The event as programs get it from ``--json``."""
    names = ("seq", "id", "type", "time", "run", "task", "agent")
    found = {name: getattr(event, name) for name in names} | {"cause": event.envelope.cause}
    return {**{k: v for k, v in found.items() if v != ""}, "data": event.data}


def _print(cli: Cli, found: Page) -> None:
    if found.missing:
        note(f"events {found.missing[0]} to {found.missing[1]} are no longer kept")
    for event in found.events:
        if cli.as_json:
            json_line(as_object(event))
        else:
            click.echo(log_line(event, color=cli.color, width=cli.width))
    if not found.events:
        note("no such events")
    elif found.newer:
        note(f"there are newer ones: go on with --after {found.newer}")
    elif found.older:
        note(f"there are older ones: --before {found.older}")


def _bars(cli: Cli, journal: Source, run: str, limit: int, now: float) -> None:
    begun = [e.run for e in journal.read(0, Filter(run=run, types=("run.started",)))]
    runs = begun[-limit:]
    if not runs:
        gone = missing(journal)
        found = f"the beginning of run {run!r} is not" if run else "no beginning of a run is"
        raise NotFound(
            f"{found} in the journal: {f'{gone}; ' if gone else ''}see `retinue runs list`"
        )
    history = history_of(journal.read(0, Filter(run=run)) if run else _all(journal, runs))
    for line in timeline(history, runs, now, min(cli.width, 120)):
        click.echo(line)
    note(LEGEND)


def _all(journal: Source, runs: list[str]) -> list[Event]:
    found = [event for run in runs for event in journal.read(0, Filter(run=run))]
    return sorted(found, key=lambda event: event.seq)
