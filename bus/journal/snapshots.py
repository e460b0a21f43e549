"""Snapshots of what was folded from the events: a cache beside the journal, never a replacement.

Each is a file of its own in ``snapshots/``. Any may be deleted at any time; one that does not belong
to this journal, by the chain's hash at its ``seq``, is as good as none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ..errors import InvalidInput
from .faults import os_fault

__all__ = ["Snapshots"]

_MAGIC = b"retinue snapshot 1\n"
_HASH = 32
_HEADER = len(_MAGIC) + 8 + 2 * _HASH
_KIND = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

HashAt = Callable[[int], bytes | None]


class Snapshots:
    """Saves and loads; any thread may, one at a time for each kind."""

    def __init__(self, folder: Path, hash_at: HashAt) -> None:
        """``hash_at`` gives the chain's hash over a ``seq``, ``None`` where there is none."""
        self._folder = folder
        self._hash_at = hash_at

    def save(self, kind: str, seq: int, data: bytes) -> None:
        """Keep ``data`` as the state of ``kind`` after event ``seq``, in place of an older one.

        Raises ``InvalidInput`` when ``seq`` is not in the journal, ``JournalError`` when the file
        cannot be written: the older one is then still there.
        """
        path = self._path(kind)
        over = self._hash_at(seq)
        if over is None:
            raise InvalidInput(
                f"snapshot {kind}: event {seq} is not in the journal; give a seq of it"
            )
        header = _MAGIC + seq.to_bytes(8) + over + sha256(data).digest()
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _replace(path, header + data)
        except OSError as error:
            raise os_fault(error, path) from error

    def load(self, kind: str) -> tuple[int, bytes] | None:
        """The newest of that kind and its ``seq``; ``None`` when there is none that fits."""
        path = self._path(kind)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise os_fault(error, path) from error
        header, data = content[:_HEADER], content[_HEADER:]
        start = len(_MAGIC)
        seq = int.from_bytes(header[start : start + 8])
        fits = (
            len(header) == _HEADER
            and header.startswith(_MAGIC)
            and header[-_HASH:] == sha256(data).digest()
            and header[-2 * _HASH : -_HASH] == self._hash_at(seq)
        )
        return (seq, data) if fits else None

    def _path(self, kind: str) -> Path:
        if not _KIND.fullmatch(kind):
            raise InvalidInput(f"snapshot kind {kind!r} is not a name; use a-z, 0-9 and hyphens")
        return self._folder / f"{kind}.snapshot"


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    try:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
