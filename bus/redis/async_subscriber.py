"""Reading a kernel's events from Redis on an event loop; see ``subscriber``, which decides alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

from ..clock import Clock, SystemClock
from ..errors import Unavailable
from ..topics import stream
from ..wire import ObservedEvent
from .access import Access
from .async_exchange import AsyncLine
from .client import COMMAND_TIMEOUT, naming, redacted
from .exchange import Steps, T
from .fill import FillClient, asking_whole
from .following import BLOCK, Following, State
from .gaps import Filled, Gap
from .wanted import Wanted

__all__ = ["AsyncGap", "AsyncSubscriber"]


@dataclass(frozen=True, slots=True, eq=False)
class AsyncGap(Gap):
    """A gap whose ``fill`` is awaited."""

    async def fill(self, timeout: float = 5.0) -> Filled:  # type: ignore[override]  # noqa: ASYNC109
        """Ask the kernel for the events; see ``Gap.fill``."""
        source: Any = self._source()
        filled: Filled = await source.fill(self.first, self.last, timeout, self.journal)
        return filled


class AsyncSubscriber:
    """``Subscriber`` for a running event loop: the same arguments, ``async with`` and ``async for``.

    Used by one task at a time. A ``read`` that is cancelled loses no event: read on later.
    """

    def __init__(
        self,
        url: str,
        kernel: str = "main",
        start: Literal["now", "first"] | int = "now",
        run: str | None = None,
        types: Iterable[str] | None = None,
        *,
        name: str = "",
        journal: str = "",
        access: Access | None = None,
        clock: Clock | None = None,
    ) -> None:
        """See ``Subscriber``."""
        self._url = url
        self.kernel = kernel
        self._access = access
        self._clock = clock or SystemClock()
        wanted = Wanted(run, types)
        self._following = Following(kernel, start, wanted, name, self._clock, journal)
        self._place = stream(kernel)
        self._line = self._new_line()
        self._client = FillClient(url, kernel, wanted, access, self._clock)
        self._stepping = asyncio.Lock()
        self._opened = self._closed = False

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return (
            f"<AsyncSubscriber {self._place} at {self.cursor} {self.state} "
            f"on {redacted(self._url)}>"
        )

    @property
    def cursor(self) -> int | None:
        """The ``seq`` seen last, to begin after it another time; ``None`` before the first."""
        return self._following.cursor

    @property
    def journal(self) -> str:
        """What the journal that the cursor is of is known by: keep it with the cursor.

        Empty before the first look, and where nobody can tell.
        """
        return self._following.journal

    @property
    def live(self) -> bool:
        """See ``Subscriber.live``."""
        return self.state == "live"

    @property
    def state(self) -> State:
        """See ``Subscriber.state``."""
        return self._following.state

    @property
    def problem(self) -> str:
        """Why the last attempt to read failed; empty while all is well."""
        return self._following.problem

    @property
    def skipped(self) -> int:
        """Entries of the stream that could not be read as an event of the kernel's."""
        return self._following.skipped

    async def open(self) -> None:
        """Connect and find the place to begin; raises ``Unavailable`` when Redis is away."""
        with naming(self._url):
            await self._run(self._following.open())
        self._opened = True

    async def close(self) -> None:
        """End a ``read`` that is under way, within half a second, and disconnect."""
        self._closed = True
        self._line.close()
        async with self._stepping:
            try:
                with naming(self._url):
                    await self._line.run(self._following.farewell())
            except Unavailable:
                pass  # a named reader's last note is a second old then
            finally:
                await self._line.drop()

    async def read(self, timeout: float | None = None) -> AsyncIterator[ObservedEvent | AsyncGap]:  # noqa: ASYNC109
        """Yield events and gaps as they come; see ``Subscriber.read``."""
        if not self._opened:
            await self.open()
        quiet_since = self._clock.monotonic()
        while not self._closed:
            while (item := self._following.take()) is not None:
                yield self._bound(item)
                quiet_since = self._clock.monotonic()
            quiet = self._clock.monotonic() - quiet_since
            left = BLOCK if timeout is None else timeout - quiet
            await self._run(self._following.fetch(left))
            if left <= 0 and not self._following.has_items:
                return

    async def fill(
        self,
        first: int,
        last: int,
        timeout: float,  # noqa: ASYNC109
        journal: str = "",
    ) -> Filled:
        """The events of a range, from the kernel; see ``Gap.fill``."""
        return await self._ask(self._client.asking(first, last, timeout, journal))

    async def whole(self, event: ObservedEvent, timeout: float = 5.0) -> ObservedEvent:  # noqa: ASYNC109
        """The event with its body, where that was too large; see ``Subscriber.whole``."""
        if not event.dataref:
            return event
        return await self._ask(asking_whole(self.kernel, event, timeout, self._clock))

    async def forget(self) -> None:
        """Take a named reader off the kernel's list; see ``Subscriber.forget``."""
        with naming(self._url):
            await self._run(self._following.forget())

    async def _ask(self, steps: Steps[T]) -> T:
        line = self._new_line()
        try:
            with naming(self._url):
                return await line.run(steps)
        finally:
            await line.drop()

    async def _run(self, steps: Steps[T]) -> T | None:
        async with self._stepping:
            return None if self._closed else await self._line.run(steps)

    def _new_line(self) -> AsyncLine:
        timeout = BLOCK + COMMAND_TIMEOUT
        return AsyncLine(self._url, timeout, slot=stream(self.kernel), access=self._access)

    def _bound(self, item: ObservedEvent | Gap) -> ObservedEvent | AsyncGap:
        if not isinstance(item, Gap):
            return item
        filler: Any = self
        return AsyncGap(item.first, item.last, filler, item.anew, item.journal)
