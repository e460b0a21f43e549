"""Sharing a kernel's events among several processes, each event dealt with by one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, Self

from ..clock import Clock, SystemClock
from ..errors import InvalidInput, Unavailable
from ..topics import stream
from ..wire import ObservedEvent
from .access import Access
from .client import COMMAND_TIMEOUT, connection, naming, redacted
from .deliveries import Delivery, Lag, Poison
from .exchange import Line, Steps, T
from .fill import FillClient
from .gaps import Gap
from .group_following import BLOCK, GroupFollowing
from .wanted import Wanted

__all__ = ["Delivery", "GroupReader", "Lag", "Poison"]


class GroupReader:
    """One consumer of a group, for durable processing outside the kernel. Used by one thread.

    Each event is handed to one consumer of the group, and again to another when it was not
    acknowledged within ``idle`` seconds: at least once. After ``attempts`` times it is given out
    as ``Poison``, a last time. The group is kept by Redis and outlives its consumers.
    """

    def __init__(
        self,
        url: str,
        group: str,
        consumer: str,
        kernel: str = "main",
        start: Literal["now", "first"] | int = "now",
        run: str | None = None,
        types: Iterable[str] | None = None,
        *,
        idle: float = 30.0,
        attempts: int = 5,
        access: Access | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``start`` counts when the group is not there yet; the rest as for ``Subscriber``.

        Two processes must not have the same ``consumer``. One that is started again under its
        name gets first what it left undone. ``run`` and ``types`` have to be the same for all.
        Raises ``InvalidInput`` for an empty name or a bound below 1 (``idle``: 0).
        """
        if not group or not consumer:
            raise InvalidInput("a group reader needs the name of its group and one of its own")
        if not idle > 0 or attempts < 1:
            raise InvalidInput(f"idle {idle}, attempts {attempts}: give some time, and one attempt")
        self._url = url
        self._clock = clock or SystemClock()
        wanted = Wanted(run, types)
        self._name = f"{group}/{consumer}"
        self._following = GroupFollowing(
            kernel, group, consumer, start, wanted, idle, attempts, self._clock
        )
        one = connection(url, BLOCK + COMMAND_TIMEOUT, slot=stream(kernel), access=access)
        self._closed = threading.Event()
        self._stepping = threading.Lock()
        self._line = Line(lambda: one, self._closed)
        self._filler = FillClient(url, kernel, wanted, access, self._clock)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<GroupReader {self._name} on {redacted(self._url)}>"

    @property
    def problem(self) -> str:
        """Why the last attempt to read failed; empty while all is well."""
        return self._following.problem

    def open(self) -> None:
        """Connect and join the group; raises ``Unavailable`` when Redis is away."""
        self._run(self._following.open())

    def close(self) -> None:
        """Leave: what was not acknowledged goes to other consumers. Any thread."""
        self._closed.set()
        with self._stepping:
            self._line.drop()

    def read(self, timeout: float | None = None) -> Iterator[Delivery | Poison | Gap]:
        """Yield what is to be done; ends after ``timeout`` seconds without anything.

        Acknowledge each ``Delivery``. A ``Poison`` is put aside once the next item is asked for.
        A ``Gap`` was handed to nobody; one of the consumers is told.
        """
        quiet_since = self._clock.monotonic()
        while not self._closed.is_set():
            while (item := self._following.take()) is not None:
                yield replace(item, _filler=self._filler) if isinstance(item, Gap) else item
                if isinstance(item, Poison):
                    self._following.put_aside(item)
                quiet_since = self._clock.monotonic()
            quiet = self._clock.monotonic() - quiet_since
            left = BLOCK if timeout is None else timeout - quiet
            with self._stepping:
                if not self._closed.is_set():
                    self._line.run(self._following.fetch(left))
            if left <= 0 and not self._following.has_items:
                return

    def acknowledge(self, *done: Delivery) -> None:
        """Say that events were dealt with, for good.

        Raises ``Unavailable`` when Redis is away; the next ``read`` says it again, and if that
        never comes, others get the events once more.
        """
        self._run(self._following.acknowledge(item.event.seq for item in done))

    def lag(self) -> Lag:
        """How far the whole group is behind; raises ``Unavailable`` when Redis is away."""
        return self._run(self._following.lag())

    def whole(self, event: ObservedEvent, timeout: float = 5.0) -> ObservedEvent:
        """The event with its body, where that was too large; see ``Subscriber.whole``."""
        return self._filler.whole(event, timeout) if event.dataref else event

    def _run(self, steps: Steps[T]) -> T:
        with self._stepping, naming(self._url):
            if self._closed.is_set():
                raise Unavailable(f"the group reader {self._name} is closed: open another")
            return self._line.run(steps)
