"""``retinue verify``."""

from __future__ import annotations

import sys

import click

from retinue.bus.journal.findings import VerifyReport
from retinue.bus.journal.verify import verify

from .exits import Exit
from .journal import journal_file
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
    if cli.as_json:
        json_line(report)
    else:
        _print(report)
    return Exit.OK if report.ok else Exit.DATA


class _Progress:
    """Says on a terminal how far it is, now and then."""

    def __init__(self) -> None:
        self._said = 0

    def __call__(self, done: int, total: int) -> None:
        if done - self._said >= _EVERY and sys.stderr.isatty():
            self._said = done
            note(f"{done:,} of {total:,} events")


def _print(report: VerifyReport) -> None:
    for finding in report.findings:
        click.echo(str(finding))
    if report.more:
        click.echo(f"and {report.more} more")
    span = f"{report.events:,} events, {report.first} to {report.last}"
    if report.ok:
        note(f"the journal is whole: {span}, head {report.head}")
    else:
        note(f"the journal is broken: {len(report.findings) + report.more} finding(s) in {span}")
