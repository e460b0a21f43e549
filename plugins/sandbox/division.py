"""The daemon divides the cgroup that was delegated to it, so that plugins' can have bounds."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .cgroups import sweep
from .hierarchy import (
    CONTROLLERS,
    LEAF,
    base_of,
    delegated,
    identity,
    is_inner,
    is_ours,
    lacking,
    members,
    own_cgroup,
    strangers,
)

__all__ = ["Division", "divided"]

_ROUNDS = 100


class Division:
    """A cgroup divided for as long as a process runs, which is in a leaf of its own meanwhile.

    Linux hands controllers down only from a cgroup that has no processes itself.
    """

    def __init__(self, base: Path, controllers: Sequence[str] = CONTROLLERS) -> None:
        """Nothing happens before ``begin``."""
        self._base = base
        self._leaf = base / f"{LEAF}{identity()}"
        self._wanted = controllers
        self._given: tuple[str, ...] = ()

    def begin(self) -> str:
        """Move this process and what it started, and hand down what bounds plugins.

        Returns why not, or an empty string. Never moves a process that is not ours.
        """
        try:
            wanted = lacking(self._base, self._wanted)
            if not wanted or not is_inner(self._base):
                return ""
            if others := strangers(self._base):
                return f"{self._base} has processes of others, {', '.join(others)}"
            self._leaf.mkdir(exist_ok=True)
            _move(self._base, self._leaf, is_ours)
            _write(self._base / "cgroup.subtree_control", _signed("+", wanted))
        except OSError as error:
            self.end()
            return f"{self._base} cannot be divided: {error.strerror}"
        self._given = wanted
        return ""

    def end(self) -> None:
        """Put everything back as it was; what cannot be is left to the next start."""
        with suppress(OSError):
            if self._given:
                _write(self._base / "cgroup.subtree_control", _signed("-", self._given))
            self._given = ()
            _move(self._leaf, self._base, lambda _: True)  # also those whose parent has ended
            self._leaf.rmdir()


@contextmanager
def divided(proc: Path = Path("/proc/self")) -> Iterator[list[str]]:
    """For the daemon: sweep away what a killed one has left, and divide what is delegated.

    Gives what there is to say of it, for the log.
    """
    base = _own_base(proc)
    if base is None:
        yield []
        return
    said = [f"removed the cgroup {name} of a daemon that was killed" for name in sweep(base)]
    division = Division(base)
    if why := division.begin():
        said.append(f"plugins' cgroups have no bounds: {why}")
    try:
        yield said
    finally:
        division.end()


def _own_base(proc: Path) -> Path | None:
    """None where nothing is delegated to this process; `retinue doctor` says why."""
    with suppress(OSError):
        cgroup = (proc / "cgroup").read_text(encoding="utf-8")
        own = own_cgroup((proc / "mountinfo").read_text(encoding="utf-8"), cgroup)
        if own and delegated(Path(own), cgroup):
            return base_of(Path(own))
    return None


def _move(source: Path, target: Path, chosen: Callable[[int], bool]) -> None:
    """All of the chosen; some of them may start others meanwhile. Raises ``OSError``."""
    for _ in range(_ROUNDS):
        pids = [pid for pid in members(source) if chosen(pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                _write(target / "cgroup.procs", str(pid))
        if not pids:
            return
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="ascii")


def _signed(sign: str, names: tuple[str, ...]) -> str:
    return " ".join(f"{sign}{name}" for name in names)
