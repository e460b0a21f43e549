"""``retinue verify``."""

from __future__ import annotations

import sys

import click
import msgspec

from retinue.bus.journal.findings import VerifyReport
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.retold import Retold
from retinue.bus.journal.verify import verify

from .exits import Exit
from .journal import journal_file, opened
from .options import Cli, on_folder
from .output import json_line, note

__all__ = ["command"]

_EVERY = 250_000


@click.command("verify")
@on_folder
def command(cli: Cli) -> int:
    r"""Check the journal against its hash chain; exit 65 and say where it is broken.

    Finds events that were changed, cut, swapped or put in. It reads the state folder, with or
    without a daemon. Keep the head that it prints elsewhere to see later that nothing before it
    was written anew.

    \b
    Examples:
      retinue verify
      retinue verify --state-dir /backup/main --json
    """
    report = verify(journal_file(cli), _Progress())
    with opened(cli) as journal:
        stands = _stands_for(journal)
    if cli.as_json:
        json_line(msgspec.to_builtins(report) | {"checkpoint": stands})
    else:
        _print(report, stands)
    return Exit.OK if report.ok and stands >= report.first - 1 else Exit.DATA


def _stands_for(journal: JournalReader) -> int:
    """Up to which ``seq`` a checkpoint tells what mattered of the events that went; 0 without one."""
    found = Retold(journal).checkpoint
    return 0 if found is None else found.until


class _Progress:
    """Says on a terminal how far it is, now and then."""

    def __init__(self) -> None:
        self._said = 0

    def __call__(self, done: int, total: int) -> None:
        if done - self._said >= _EVERY and sys.stderr.isatty():
            self._said = done
            note(f"{done:,} of {total:,} events")


def _print(report: VerifyReport, stands: int) -> None:
    for finding in report.findings:
        click.echo(str(finding))
    if report.more:
        click.echo(f"and {report.more} more")
    gone = report.first - 1
    if 0 < gone <= stands:
        note(f"events 1 to {gone} are no longer kept; a checkpoint says what they told")
    elif gone > stands:
        note(f"events {stands + 1} to {gone} are gone, and no checkpoint says what they told")
    span = f"{report.events:,} events, {report.first} to {report.last}"
    if report.ok:
        note(f"the journal is whole: {span}, head {report.head}")
    else:
        note(f"the journal is broken: {len(report.findings) + report.more} finding(s) in {span}")
