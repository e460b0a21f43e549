"""``retinue journal``, and the journal of a state folder opened for reading, with or without a daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from retinue.bus.errors import NotFound, Unavailable
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.trimming import pages_of
from retinue.bus.views import JournalView

from ..client import under
from ..text import bounds, size
from .options import Cli, common, on_folder
from .output import json_line, listing, note, record

__all__ = ["command", "has_journal", "journal_file", "opened", "view_of"]


@click.group("journal")
def command() -> None:
    """Show what the journal keeps, trim it, and register its readers."""


@command.command("show")
@on_folder
def _show(cli: Cli) -> None:
    r"""Show which events are kept, how large the file is, and what holds the oldest.

    \b
    Examples:
      retinue journal show
      retinue journal show --json
    """
    view = view_of(cli)
    record(cli, view, _fields(view))


@command.command("trim")
@common
def _trim(cli: Cli) -> None:
    """Let go now of what is over the bounds in [journal]; what still matters is written down first."""
    done = cli.client.post("/v1/journal/trim", dict[str, Any], wait=600.0)
    if cli.as_json:
        json_line(done)
        return
    note(f"{done['removed']:,} events went, {done['first']:,} is the oldest now")
    if done["held_by"]:
        note(f"held by {', '.join(done['held_by'])}")
    if done["passed"]:
        note(f"passed: {', '.join(done['passed'])}")


@command.group("readers")
def _readers() -> None:
    """List, register and forget those for whom events are kept."""


@_readers.command("list")
@on_folder
def _list(cli: Cli) -> None:
    """List the registered readers, each with the last event that it has."""
    rows = [Reader(name, seq) for name, seq in sorted(view_of(cli).readers.items())]
    listing(cli, rows, (("READER", lambda r: r.reader), ("HAS", lambda r: r.seq)), "no readers")


@_readers.command("register")
@click.argument("name")
@click.argument("seq", type=click.IntRange(min=0))
@common
def _register(cli: Cli, name: str, seq: int) -> None:
    r"""Keep what follows an event for a reader, until it registers a later one.

    \b
    Example:
      retinue journal readers register export 1042
    """
    answer = cli.client.post(under("journal", "readers", name), Reader, {"seq": seq})
    json_line(answer) if cli.as_json else note(f"events after {seq} are kept for {name}")


@_readers.command("forget")
@click.argument("name")
@common
def _forget(cli: Cli, name: str) -> None:
    """Keep nothing for a reader any more."""
    answer = cli.client.delete(under("journal", "readers", name), dict[str, object])
    json_line(answer) if cli.as_json else note(f"nothing is kept for {name}")


class Reader(msgspec.Struct, frozen=True):
    """One registered reader."""

    reader: str
    seq: int


def view_of(cli: Cli) -> JournalView:
    """From the daemon, or from the folder and its settings when none runs."""
    try:
        return cli.client.get("/v1/journal", JournalView)
    except Unavailable:
        if cli.remote is not None:
            raise
        with opened(cli) as journal:
            return _view(cli, journal)


def _view(cli: Cli, journal: JournalReader) -> JournalView:
    journal_config = cli.config.journal
    with journal.connection() as connection:
        pages = pages_of(connection)
        readers = dict(connection.execute("SELECT name, cursor FROM readers"))
    return JournalView(
        "file",
        journal.first,
        journal.last,
        pages.total * pages.size,
        pages.free * pages.size,
        journal_config.max_age,
        journal_config.max_events,
        journal_config.max_bytes,
        (),
        readers,
    )


def _fields(view: JournalView) -> list[tuple[str, object]]:
    readers = ", ".join(f"{name} has {seq:,}" for name, seq in sorted(view.readers.items()))
    return [
        ("events", f"{view.first:,} to {view.last:,}"),
        ("no longer kept", f"1 to {view.first - 1:,}" if view.first > 1 else ""),
        ("kept in", view.kind),
        ("size", f"{size(view.bytes)}, {size(view.free_bytes)} of it free" if view.bytes else ""),
        ("bounds", bounds(view)),
        ("held by", ", ".join(view.held_by)),
        ("readers", readers),
        ("trouble", view.trouble),
    ]


@contextmanager
def opened(cli: Cli) -> Iterator[JournalReader]:
    """The folder's journal; raises ``NotFound`` when there is none, and ``JournalError``."""
    reader = JournalReader(journal_file(cli))
    try:
        yield reader
    finally:
        reader.close()


def has_journal(cli: Cli) -> bool:
    """Whether a kernel has ever written there."""
    return _file(cli).exists()


def journal_file(cli: Cli) -> Path:
    """The file; raises ``NotFound`` when there is none."""
    file = _file(cli)
    if not file.exists():
        raise NotFound(
            f"there is no journal in {cli.folder.path}: start a kernel there with `retinue run`, "
            "or name another --state-dir"
        )
    return file


def _file(cli: Cli) -> Path:
    return cli.folder.path / "journal.db"
