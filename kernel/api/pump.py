"""From a blocking iterator of events to an asynchronous stream of lines, for one client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress

from retinue.bus.envelope import Event

__all__ = ["Pump"]

_LIMIT = 256 * 1024


class Pump:
    """Reads ahead on a thread of its own, ``limit`` bytes at most, then waits for its client.

    A client that stops reading therefore costs a thread and a buffer: the kernel keeps the
    events that it has not read in the journal anyway, and nobody waits for it.
    """

    def __init__(
        self,
        events: Iterator[Event | None],
        encode: Callable[[Event], bytes],
        explain: Callable[[Exception], bytes],
        limit: int = _LIMIT,
    ) -> None:
        """``events`` yields ``None`` now and then while nothing happens; ``explain`` ends a stream."""
        self._events = events
        self._encode = encode
        self._explain = explain
        self._limit = limit
        self._changed = threading.Condition()
        self._lines: list[bytes] = []
        self._size = 0
        self._stopped = False
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="retinue-api-stream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the stream: at once for the client, within a heartbeat for the thread."""
        with self._changed:
            self._stopped = self._ended = True
            self._changed.notify_all()
        self._signal()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Whole lines, as many as there are; ends after ``stop`` or with the events."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                data, ended = self._take()
                if data:
                    yield data
                if ended:
                    return
        finally:
            self.stop()

    def _take(self) -> tuple[bytes, bool]:
        with self._changed:
            data = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            self._changed.notify_all()
            return data, self._ended

    def _run(self) -> None:
        try:
            for event in self._events:
                if not self._put(b"\n" if event is None else self._encode(event) + b"\n"):
                    break
        except Exception as error:  # noqa: BLE001  the client is told, as its last line
            self._put(self._explain(error) + b"\n")
        finally:
            if isinstance(self._events, Generator):
                self._events.close()
            with self._changed:
                self._ended = True
            self._signal()

    def _put(self, line: bytes) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._size < self._limit or self._stopped)
            if self._stopped:
                return False
            was_empty = not self._lines
            self._lines.append(line)
            self._size += len(line)
        if was_empty:
            self._signal()
        return True

    def _signal(self) -> None:
        with suppress(RuntimeError):  # the loop has closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._wake.set)
