"""For the tests of programs that embed a kernel: virtual time, a scripted model, observers in memory.

With pytest there is a fixture ``kernel``, which is a started ``TestKernel``; nothing has to be
imported for it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from retinue.bus.clock import ManualClock
from retinue.bus.envelope import Event
from retinue.bus.errors import Unavailable
from retinue.bus.journal import EventStore
from retinue.bus.topics import channel
from retinue.bus.wire import EventEncoder, ObservedEvent, parse
from retinue.plugins import Plugin
from retinue.plugins.llm.scripted import Answer, ScriptedModel

from .config import Config
from .kernel import Kernel, ModelSource
from .settling import next_due, settle

__all__ = ["ManualClock", "MemoryTransport", "ScriptedModel", "TestKernel", "running_kernel"]

PATIENCE = 10.0
"""Seconds of the machine's that the kernel may work until it settles."""


class MemoryTransport:
    """Takes a kernel's events in the place of Redis: encoded as for it, selected as for it.

    ``messages`` are pairs of a channel and the bytes that were published there. Any thread may
    read. While ``away`` is not empty, publishing fails for that reason, and the kernel degrades.
    """

    def __init__(self, kernel: str = "test") -> None:
        """``kernel`` is the name that stands in channels and events."""
        self.messages: list[tuple[str, bytes]] = []
        self.away = ""
        self._kernel = kernel
        self._encode = EventEncoder(kernel).encode
        self._last = 0

    def __repr__(self) -> str:
        return f"<MemoryTransport {self._kernel} {len(self.messages)} messages>"

    @property
    def events(self) -> list[ObservedEvent]:
        """What an observer of everything has read so far, decoded from the bytes."""
        return [parse(payload) for _, payload in list(self.messages)]

    def publish(self, events: Sequence[Event], previous: int | None = None) -> int:
        """As Redis would: what comes again is skipped. Raises ``Unavailable`` while ``away``."""
        self.ping()
        fresh = [event for event in events if event.seq > self._last]
        before = events[0].seq - 1 if events and previous is None else previous or 0
        for event in fresh:
            at = channel(self._kernel, event.run, event.type)
            self.messages.append((at, self._encode(event, before)))
            before = self._last = event.seq
        return len(fresh)

    def ping(self) -> None:
        """Raise ``Unavailable`` while ``away``."""
        if self.away:
            raise Unavailable(self.away)

    def close(self) -> None:
        """Nothing is to be given back."""


class TestKernel(Kernel):
    """A kernel on a clock that stands still until ``advance``; in memory, without Redis.

    Deadlines, back-off, ``clock.sleep`` and the ``asyncio.sleep`` of agents all go by that clock.
    What plain functions and processes wait for goes by the machine's.
    """

    __test__ = False  # no test class, whatever its name makes pytest think
    clock: ManualClock

    def __init__(
        self,
        name: str = "test",
        config: Config | None = None,
        *,
        answers: Iterable[Answer] = (),
        models: Mapping[str, ModelSource] | None = None,
        plugins: Sequence[Plugin] = (),
        store: EventStore | None = None,
        now: float = 1_000_000_000.0,
    ) -> None:
        """``answers`` are what ``model``, the default one, says; ``now`` is when time stands still."""
        clock = ManualClock(now)
        self.model = ScriptedModel(answers, clock=clock)
        self.transport = MemoryTransport(name)
        super().__init__(
            name,
            config=config,
            models={"auto": self.model, **(models or {})},
            plugins=plugins,
            clock=clock,
            store=store,
            publisher=self.transport,
        )
        self._advancing = threading.Lock()

    def settle(self, timeout: float = PATIENCE) -> None:
        """Wait until nothing is left to do at this moment of virtual time.

        What waits for time to pass, or for the test, is left waiting. Raises ``DeadlineExceeded``
        after ``timeout`` seconds of the machine's, naming who is busy.
        """
        settle(self._live, timeout)

    def advance(self, seconds: float, timeout: float = PATIENCE) -> None:
        """Let ``seconds`` of virtual time pass, from one timer to the next, and settle.

        So what a timer sets off happens at its moment, and what that waits for counts from there.
        ``timeout`` is for each of these steps.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"cannot advance by {seconds} s: time does not go back, nor end")
        with self._advancing:
            self.settle(timeout)
            end = self.clock.monotonic() + seconds
            while (due := next_due(self._live)) <= end:
                self._move_to(due)
                self.settle(timeout)
            self._move_to(end)
            self.settle(timeout)

    def _move_to(self, moment: float) -> None:
        self.clock.advance(max(0.0, moment - self.clock.monotonic()))
        if self.clock.monotonic() < moment:  # by the rounding of a sum
            self.clock.advance(math.ulp(moment))

    @property
    def observed(self) -> list[ObservedEvent]:
        """What an observer has seen, all that was published so far."""
        return self.transport.events


@contextmanager
def running_kernel(*args: Any, **options: Any) -> Iterator[TestKernel]:
    """A started ``TestKernel`` of these arguments; closed at the end of the block."""
    with TestKernel(*args, **options) as kernel:
        yield kernel
