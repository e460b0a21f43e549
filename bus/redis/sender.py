"""Publishing from the background: a bounded buffer, a thread that empties it, and no waiting."""

from __future__ import annotations

import atexit
import itertools
import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from .resp import command

if TYPE_CHECKING:
    from .client import RawConnection

__all__ = ["Sender", "Statistics"]

_AT_ONCE = 128
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 2.0
_EXIT = 0.25
"""Seconds that the end of the program may wait for what is left."""
_POLL = 0.005
_END = b""


class Statistics(msgspec.Struct, frozen=True):
    """Messages so far: each was ``sent``, ``dropped``, or is ``waiting``.

    ``trouble`` is why the last ones were not sent, and empty when they were.
    """

    sent: int
    dropped: int
    waiting: int
    trouble: str = ""


class Sender:
    """Puts messages on a channel. ``put`` takes no lock, so that it may be called from anywhere.

    A child begins with nothing after a fork: what its parent put there, the parent sends.
    """

    def __init__(self, url: str, channel: str, bound: int) -> None:
        """Nothing happens until ``put``. Of more than ``bound`` messages the oldest are dropped."""
        self._url = url
        self._channel = channel.encode()
        self._bound = bound
        self._closed = False
        self._begin()

    def __repr__(self) -> str:
        return f"<Sender to {self._channel.decode()}: {self.statistics()}>"

    def put(self, message: bytes) -> None:
        """Have it sent. Raises ``RuntimeError`` where no thread can be started."""
        self._here()
        if self._closed or not self._url:
            self.lose()
            return
        waiting = self._waiting
        self._offered.add()
        waiting.put(message)
        if waiting.qsize() > self._bound:
            try:
                waiting.get_nowait()
                self._dropped.add()
            except Empty:
                pass  # the thread was faster
        if self._thread is None:
            self._start()

    def lose(self) -> None:
        """Count what cannot even be put."""
        self._offered.add()
        self._dropped.add()

    def statistics(self) -> Statistics:
        """Counts at this moment."""
        self._here()
        sent, dropped = self._sent, self._dropped.value()
        return Statistics(sent, dropped, self._offered.value() - sent - dropped, self._trouble)

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits any more, for ``timeout`` seconds at most; tells whether."""
        until = time.monotonic() + timeout
        while self.statistics().waiting > 0:
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL)
        return True

    def close(self, timeout: float) -> None:
        """Send what is left, for ``timeout`` seconds at most, and end the thread."""
        self._here()
        thread, waiting = self._thread, self._waiting
        if not self._closed and thread is not None:
            self.flush(timeout)
            atexit.unregister(self._at_exit)
        self._closed = True
        self._stop.set()
        waiting.put(_END)

    def _here(self) -> None:
        if self._pid != os.getpid():
            self._begin()

    def _begin(self) -> None:
        """As new, also in a child: locks may be held there by threads that it does not have."""
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        self._offered, self._dropped = _Counter(), _Counter()
        self._sent = 0
        self._trouble = "" if self._url else "no URL was given"
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._closed = False

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread does
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="retinue-telemetry", daemon=True)
                thread.start()
                self._thread = thread
                atexit.register(self._at_exit)
        finally:
            self._starting.release()

    def _at_exit(self) -> None:
        self.close(_EXIT)

    def _run(self) -> None:
        delay = _FIRST_DELAY
        connection: RawConnection | None = None
        waiting = self._waiting
        while not self._stop.is_set():
            left = self._batch(waiting)
            try:
                connection = connection or self._connect()
                self._trouble = self._publish(connection, left)
                delay = _FIRST_DELAY
            except Exception as error:  # noqa: BLE001 - whatever it is, the next batch may go
                for _ in left:
                    self._dropped.add()
                self._trouble = str(error) or type(error).__name__
                self._stop.wait(delay)
                delay = min(2 * delay, _LONGEST_DELAY)
        if connection is not None:
            connection.disconnect()

    def _batch(self, waiting: SimpleQueue[bytes]) -> list[bytes]:
        """What waits, once something does."""
        batch = [waiting.get()]
        while len(batch) < _AT_ONCE:
            try:
                batch.append(waiting.get_nowait())
            except Empty:
                break
        return [message for message in batch if message is not _END]

    def _connect(self) -> RawConnection:
        from .client import connection  # brings redis, which takes a third of a second

        return connection(self._url)

    def _publish(self, connection: RawConnection, left: list[bytes]) -> str:
        """Publish, and take off what was answered; why some were refused, if any were.

        Raises ``redis.RedisError`` when nobody took the others.
        """
        import redis

        count = len(left)
        try:
            return self._exchange(connection, left)
        except redis.ConnectionError:
            if len(left) < count:
                raise
            return self._exchange(connection, left)  # it idled, and was closed meanwhile

    def _exchange(self, connection: RawConnection, left: list[bytes]) -> str:
        import redis

        publish, refused = (b"PUBLISH", self._channel), ""
        packed = b"".join(command((*publish, message)) for message in left)
        try:
            connection.send_packed_command([packed], check_health=False)
            while left:
                try:
                    connection.read_response()
                    self._sent += 1
                except redis.ResponseError as error:
                    refused = str(error)
                    self._dropped.add()
                left.pop()
        except redis.RedisError:
            connection.disconnect()
            raise
        return refused


class _Counter:
    """Counts without a lock, from any thread."""

    def __init__(self) -> None:
        self._count = itertools.count()
        self.add = self._count.__next__
        self._looks = 0
        self._lock = threading.Lock()

    def value(self) -> int:
        """Looking counts as well, and is taken off."""
        with self._lock:
            self._looks += 1
            return next(self._count) - (self._looks - 1)
