"""The journal of a state folder, opened for reading, whether or not a daemon runs there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retinue.bus.errors import NotFound
from retinue.bus.journal.reader import JournalReader

from .options import Cli

__all__ = ["has_journal", "journal_file", "opened"]


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
