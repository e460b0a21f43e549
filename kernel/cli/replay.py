"""``retinue replay``."""

from __future__ import annotations

from typing import Any

import click

from retinue.bus.errors import InvalidInput
from retinue.bus.journal.findings import Finding
from retinue.bus.journal.spot_check import spot_check
from retinue.plugins import AgentSpec

from ..replay import Replay, replay
from ..replay.recording import Recording
from .exits import Exit
from .journal import journal_file, opened
from .options import Cli, json_input, on_folder
from .output import json_line, note

__all__ = ["command"]


@click.command("replay")
@click.argument("run")
@click.option("--offline", is_flag=True, help="Refuse network and processes: it always does.")
@click.option(
    "--agent",
    "agents",
    multiple=True,
    metavar="NAME=MODULE:ATTR",
    help="Where the code of an agent is; may be repeated.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SEQ.FIELD=JSON",
    help="What if this answer had been another; may be repeated.",
)
@on_folder
def command(
    cli: Cli, run: str, agents: tuple[str, ...], changes: tuple[str, ...], *, offline: bool
) -> int:
    r"""Run a recorded run again; exit 1 and name the first event that comes out otherwise.

    The kernel's decisions and the agents' code are run again, on recorded answers of models,
    tools, clock and chance. It reads the state folder, with or without a daemon, and needs neither
    network nor Redis. An agent whose code is not here is taken as recorded, and named.

    With 65 it exits when one of the run's events was changed after it was written.

    \b
    Examples:
      retinue replay r-5x0c2k9d-16 --offline
      retinue replay r-5x0c2k9d-16 --agent writer=team.agents:writer
      retinue replay r-5x0c2k9d-16 --set '41.result[0]="nothing"'
    """
    del offline
    code = {name: AgentSpec.load(place) for name, place in map(_named, agents)}
    wanted = _changes(changes)
    with opened(cli) as journal:
        seqs = [event.seq for event in Recording.read(journal, run).events]
        broken = [] if wanted else _of(seqs, spot_check(journal_file(cli), seqs))
        found = replay(journal, run, code, cli.config.plugins, wanted)
    if cli.as_json:
        json_line(_object(found, broken))
    else:
        _print(found, broken)
    if broken:
        return Exit.DATA
    return Exit.OK if found.same else Exit.FAILED


def _print(found: Replay, broken: list[Finding]) -> None:
    for finding in broken:
        click.echo(f"{finding}: it is not what was written")
    if found.divergence is not None:
        click.echo(str(found.divergence))
    for name, reason in found.given.items():
        note(f"{name} is taken as recorded: {reason}")
    said = f"{len(found.events)} of {found.recorded} events"
    if found.same:
        note(f"{said} came out again byte for byte, sha256 {found.digest}")
    else:
        note(f"{said} came out again, then the run went another way")


def _object(found: Replay, broken: list[Finding]) -> dict[str, Any]:
    """For programs."""
    return {
        "run": found.run,
        "same": found.same,
        "events": len(found.events),
        "recorded": found.recorded,
        "sha256": found.digest,
        "divergence": found.divergence,
        "broken": broken,
        "given": found.given,
    }


def _of(seqs: list[int], findings: list[Finding]) -> list[Finding]:
    """Those findings that are about the run's own events."""
    mine = set(seqs)
    return [f for f in findings if any(seq in mine for seq in range(f.first, f.last + 1))]


def _named(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not name or not equals or not place:
        raise InvalidInput(f"--agent is {text!r}: write NAME=MODULE:ATTR")
    return name, place


def _changes(texts: tuple[str, ...]) -> dict[int, dict[str, Any]]:
    changes: dict[int, dict[str, Any]] = {}
    for text in texts:
        where, equals, value = text.partition("=")
        seq, dot, field = where.partition(".")
        if not (equals and dot and field and seq.isdecimal()):
            raise InvalidInput(f"--set is {text!r}: write SEQ.FIELD=JSON, such as 41.result=3")
        changes.setdefault(int(seq), {})[field] = json_input(value, f"value of {where}")
    return changes
