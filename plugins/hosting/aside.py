"""What a process does beside its messages: what it prints, and the system calls it was refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from signal import SIGSYS
from typing import Protocol

from ..sandbox import notices
from ..sandbox.cgroups import Cgroup, Exceeded
from ..sandbox.confined import Confined
from .output import Drain
from .pace import Allowance
from .readers import Readers

__all__ = ["Aside", "Beside", "last_words"]

_NOTICES = 200.0
"""Refused system calls a second, and at once: whoever makes more waits for the answer."""
_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
_BY_SIGNAL = 128
"""What bubblewrap and shells add to the number of a signal."""
_FOREIGN = "another processor's"


class Beside(Protocol):
    """Who is told; on the loop's thread, and never to block."""

    def refused(self, call: notices.Refused) -> None:
        """A system call was refused."""

    def logged(self, stream: str, line: str) -> None:
        """A line that it wrote."""

    def exceeded(self, bound: Exceeded) -> None:
        """It met a bound. From any thread."""


class Aside:
    """Both pipes of one process, and its listener. On its loop."""

    def __init__(
        self,
        confined: Confined,
        readers: Readers,
        log_bytes: int,
        witness: Beside,
        monotonic: Callable[[], float],
    ) -> None:
        """``log_bytes`` may be written a minute."""
        self._listener = confined.listener
        self._readers = readers
        self._witness = witness
        self._monotonic = monotonic
        self._noticing = Allowance(_NOTICES, _NOTICES)
        flooded = partial(witness.exceeded, Exceeded("log_bytes", "print", 1, "host"))
        self._drains = {
            pipe: Drain(pipe, log_bytes, partial(witness.logged, name), monotonic, flooded)
            for name, pipe in (("stdout", confined.stdout), ("stderr", confined.stderr))
        }
        for pipe in self._drains:
            readers.add(pipe, partial(self._drain, pipe))
        if self._listener >= 0:
            readers.add(self._listener, self._notice)

    @property
    def dropped(self) -> int:
        """Bytes that it wrote and that were over its budget."""
        return sum(drain.budget.dropped for drain in self._drains.values())

    def close(self) -> None:
        """Read what is left of the output."""
        for drain in self._drains.values():
            drain.read()

    def _drain(self, pipe: int) -> None:
        drain = self._drains[pipe]
        if not drain.read():
            self._readers.ignore(pipe)
        elif drain.budget.spent:
            self._readers.pause(pipe, _PAUSE)

    def _notice(self) -> None:
        try:
            refused = notices.receive(self._listener, os.uname().machine)
        except OSError:  # nobody has the filter any more: the process is on its way out
            self._readers.ignore(self._listener)
            return
        if refused is not None:
            notices.refuse(self._listener, refused)
            self._witness.refused(refused)
        if pause := self._noticing.delay(self._monotonic()):
            self._readers.pause(self._listener, min(pause, _LONGEST_PAUSE))


def last_words(confined: Confined, witness: Beside) -> str:
    """Why a process that closed its channel did so."""
    status = confined.wait(0)
    if status is None:
        return f"it closed its channel{_over(confined.cgroup)}"
    signal = -status if status < 0 else status - _BY_SIGNAL
    if signal == SIGSYS:
        witness.refused(notices.Refused(0, confined.pid, _FOREIGN, ()))
        return "Linux ended it for a system call of another processor's"
    if signal <= 0:
        return f"it exited with {status}"
    return f"it was ended by signal {signal}{_over(confined.cgroup)}"


def _over(cgroup: Cgroup | None) -> str:
    """The bound for which Linux ended it, if it was one."""
    bounds = () if cgroup is None else cgroup.exceeded()
    named = (bound.limit for bound in bounds if bound.limit == "resident_bytes")
    return "".join(f": its processes together met limits.{limit}" for limit in named)
