"""``retinue audit``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import click
import msgspec

from retinue.bus.envelope import Event
from retinue.bus.errors import NotFound, Unavailable
from retinue.bus.journal import Filter
from retinue.bus.journal.checkpoints import Checkpoint
from retinue.bus.journal.retold import Retold

from ..asking.audit import Audit, Balance, audit, balance_of_actor
from ..asking.source import Source, missing
from .exits import Exit
from .journal import opened
from .options import Cli, on_folder
from .output import json_line, note

__all__ = ["command"]

_TYPES = ("run.*", "task.*", "tool.*", "llm.*", "kernel.*", "message.dead")


@click.command("audit")
@click.option("--run", default="", help="Only this run.")
@click.option(
    "--limit",
    type=click.IntRange(0, 100_000),
    default=10,
    help="Show so many of the newest runs; all are counted.  [10]",
)
@on_folder
def command(cli: Cli, run: str, limit: int) -> int:
    r"""Add up what was begun and what became of it; exit 65 when it does not add up.

    Tasks, attempts, calls of tools and models are counted by run, from the journal. Messages are
    counted by actor, from the running daemon, or from what the last one said when it stopped.

    \b
    Examples:
      retinue audit
      retinue audit --run r-5x0c2k9d-17 --json
    """
    with opened(cli) as journal:
        counted = audit(_events(journal, run), journal.first, limit)
        gone, before = missing(journal), Retold(journal).checkpoint
    if run and not counted.counted:
        why = f"{gone}; " if gone else ""
        raise NotFound(f"no run {run!r} is in the journal: {why}see `retinue runs list`")
    actors = [] if run else _actors(cli, counted)
    shown = [one for found in counted.runs() for one in found]
    totals = [] if run else counted.totals()
    _print(cli, [*shown, *totals, *actors])
    if gone:
        _say_gone(counted, gone, before)
    return _verdict(cli, counted, actors)


def _events(journal: Source, run: str) -> Iterator[Event]:
    return journal.read(0, Filter(run=run, types=_TYPES))


def _actors(cli: Cli, counted: Audit) -> list[Balance]:
    try:
        said = cli.client.get("/v1/actors", dict[str, dict[str, int]])
    except Unavailable:
        return counted.actors
    return [balance_of_actor(name, counts) for name, counts in said.items()]


def _print(cli: Cli, balances: Iterable[Balance]) -> None:
    for one in balances:
        if cli.as_json:
            json_line(msgspec.to_builtins(one) | {"holds": one.holds})
        else:
            click.echo(_line(one))


def _line(one: Balance) -> str:
    sign = "=" if one.holds else "≠"
    parts = " + ".join(f"{count} {name.replace('_', '-')}" for name, count in one.parts.items())
    verb = "sent" if one.scope == "actor" else ""
    return f"{one.name:<24} {one.what:<11} {one.begun:>7} {verb}{' ' if verb else ''}{sign} {parts}"


def _say_gone(counted: Audit, gone: str, before: Checkpoint | None) -> None:
    note(f"{gone}: runs that ended there are not counted, {counted.partial} run(s) only in part")
    if before is not None:
        ended: Counter[str] = Counter()
        for states in before.counts.values():
            ended.update(states)
        said = ", ".join(f"{n} {state.replace('_', '-')}" for state, n in sorted(ended.items()))
        note(f"the tasks that ended there: {said or 'none'}")


def _verdict(cli: Cli, counted: Audit, actors: list[Balance]) -> int:
    broken = [*counted.broken(), *(one for one in actors if not one.holds)]
    for one in broken:
        said = "; ".join(one.wrong) or f"{one.begun} begun, {sum(one.parts.values())} accounted for"
        note(f"does not add up: {one.name}, {one.what}: {said}")
    if not broken and not cli.as_json:
        dead = f", {counted.dead} dead letter(s) since the last start" if counted.dead else ""
        note(f"all adds up: {counted.counted} run(s){dead}")
    return Exit.DATA if broken else Exit.OK
