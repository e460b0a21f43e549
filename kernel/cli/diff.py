"""``retinue diff``."""

from __future__ import annotations

import click

from ..asking.source import whole_run
from ..replay import diff
from ..text import cut
from .exits import Exit
from .journal import opened
from .options import Cli, on_folder
from .output import json_line, note

__all__ = ["command"]


@click.command("diff")
@click.argument("first")
@click.argument("second")
@click.option("--durations", is_flag=True, help="Also compare how long things took.")
@click.option("--limit", type=click.IntRange(min=1), default=100, help="At most so many.  [100]")
@on_folder
def command(cli: Cli, first: str, second: str, limit: int, *, durations: bool) -> int:
    r"""Compare two runs, event by event at the same place in each; exit 1 when they differ.

    A task is compared with the one that stands at the same place: / is the root task, /2 its
    second child. Ids stand for what they name, and moments are not compared. It reads the state
    folder, with or without a daemon.

    \b
    Examples:
      retinue diff r-5x0c2k9d-16 r-5x0c2k9d-92
      retinue diff r-5x0c2k9d-16 r-5x0c2k9d-92 --durations --json
    """
    with opened(cli) as journal:
        found = diff(whole_run(journal, first), whole_run(journal, second), durations=durations)
    for change in found[:limit]:
        json_line(change) if cli.as_json else click.echo(cut(str(change), cli.width))
    if not found:
        note("the runs went the same way")
        return Exit.OK
    left = f", {len(found) - limit} more than --limit" if len(found) > limit else ""
    note(f"{len(found)} differences{left}")
    return Exit.FAILED
