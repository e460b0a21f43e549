"""A cgroup for each plugin's processes: their bounds together, one kill for all, nothing left."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .hierarchy import CONTROLLERS, identity, is_alive, members, words
from .priority import STEPS

__all__ = ["Cgroup", "Cgroups", "Exceeded", "sweep"]

_OURS = re.compile(r"retinue-(kernel|plugins)-(\d+-\d+-\d+)(?:-\d+)?\Z")
_SECONDS = 5.0
"""For Linux to take away what was killed; it needs milliseconds."""
_GONE = (FileNotFoundError, ProcessLookupError)


class Exceeded(NamedTuple):
    """A bound that stopped a plugin so often: ``limit`` as in its manifest, and what was refused."""

    limit: str
    action: str
    times: int
    layer: str = "cgroup"


class Cgroup:
    """One plugin's processes, and all that they start. Any thread."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is a cgroup that is there."""
        self.folder = folder

    def add(self, pids: Sequence[int]) -> None:
        """Take these in, and see that they are; raises ``OSError``."""
        for pid in pids:
            (self.folder / "cgroup.procs").write_text(str(pid), encoding="ascii")
        if lacking := set(pids).difference(members(self.folder)):
            raise ProcessLookupError(f"{sorted(lacking)} are not in {self.folder}")

    def kill(self) -> None:
        """SIGKILL for all of it, those included that are just being started. Does not wait."""
        with suppress(*_GONE):
            (self.folder / "cgroup.kill").write_text("1", encoding="ascii")

    def wait_empty(self, seconds: float) -> bool:
        """Whether nothing runs in it, or beneath it, after so many seconds at most."""
        deadline = time.monotonic() + seconds
        try:
            with (self.folder / "cgroup.events").open("rb", buffering=0) as events:
                watch = select.poll()
                watch.register(events, select.POLLPRI)
                while _populated(events.read()):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    watch.poll(1000 * left)
                    events.seek(0)
        except OSError:  # it was removed, which only an empty one can be
            return not self.folder.exists()
        return True

    def exceeded(self) -> tuple[Exceeded, ...]:
        """The bounds that were met until now. Empty where there are none."""
        found = [
            Exceeded("pids", "start a process or thread", _counted(self.folder, "pids", "max")),
            Exceeded("resident_bytes", "more memory", self._killed()),
        ]
        return tuple(one for one in found if one.times)

    def _killed(self) -> int:
        """Whether Linux ended it for this bound, and not for the memory of the machine or of a unit.

        Of how many it ended, the one that it began with is counted twice.
        """
        own = _counted(self.folder, "memory", "oom")
        return int(own > 0 and _counted(self.folder, "memory", "oom_kill") > 0)

    def remove(self) -> None:
        """Take it away; raises ``OSError`` while something runs in it."""
        with suppress(*_GONE):
            self.folder.rmdir()


class Cgroups:
    """The cgroups of one kernel's plugins, in one of their own beneath ``base``."""

    def __init__(self, base: Path) -> None:
        """Makes its own, after it has swept away those of kernels that are gone. Raises ``OSError``."""
        sweep(base)
        self.folder = _made(base / f"retinue-plugins-{identity()}")
        try:
            _hand_down(self.folder)
            _give_way(self.folder)
        except OSError:
            self.close()
            raise

    def make(self, name: str, bounds: Mapping[str, str]) -> Cgroup:
        """An empty one with these bounds, by the name of their file; raises ``OSError``.

        A bound on swap is passed over where this Linux has none.
        """
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for file, value in bounds.items():
            if file != "memory.swap.max" or (folder / file).exists():
                (folder / file).write_text(value, encoding="ascii")
        return Cgroup(folder)

    def close(self) -> None:
        """End all that runs in them, and take them away; what does not go is left to a sweep."""
        _clear(self.folder)


def sweep(base: Path) -> list[str]:
    """End and remove what is left of plugins whose kernel is gone; returns the cgroups' names.

    What a daemon itself had beside it, such as its Redis, is not ended.
    """
    swept = []
    for folder in sorted(base.glob("retinue-*")):
        ours = _OURS.match(folder.name)
        if ours is None or is_alive(ours[2]):
            continue
        if ours[1] == "kernel":
            with suppress(OSError):
                Cgroup(folder).remove()
        else:
            _clear(folder)
        if not folder.exists():
            swept.append(folder.name)
    return swept


def _hand_down(folder: Path) -> None:
    there = words(folder / "cgroup.controllers")
    if given := [f"+{name}" for name in CONTROLLERS if name in there]:
        (folder / "cgroup.subtree_control").write_text(" ".join(given), encoding="ascii")


def _give_way(folder: Path) -> None:
    """Linux weighs a cgroup as one: what its processes yield counts among themselves alone."""
    if (weight := folder / "cpu.weight.nice").exists():
        weight.write_text(str(STEPS), encoding="ascii")


def _clear(folder: Path) -> None:
    """End and remove all that is beneath; another user's stays."""
    group = Cgroup(folder)
    with suppress(OSError):
        group.kill()
        if group.wait_empty(_SECONDS):
            for inner in _innermost_first(folder):
                Cgroup(inner).remove()


def _innermost_first(folder: Path) -> Iterator[Path]:
    for place, _, _ in os.walk(folder, topdown=False):
        yield Path(place)


def _made(wanted: Path) -> Path:
    """The folder, or one with a number behind: a process may have several kernels."""
    number, folder = 1, wanted
    while True:
        try:
            folder.mkdir()
        except FileExistsError:
            number, folder = number + 1, wanted.with_name(f"{wanted.name}-{number}")
        else:
            return folder


def _populated(events: bytes) -> bool:
    return b"populated 1" in events


def _counted(folder: Path, controller: str, key: str) -> int:
    """A counter of ``CONTROLLER.events``; 0 without that controller."""
    with suppress(OSError):
        pairs = words(folder / f"{controller}.events")
        return int(dict(zip(pairs[::2], pairs[1::2], strict=True)).get(key, "0"))
    return 0
