"""Publishing: committed events into the stream and onto their channels, in groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from ..clock import Clock, SystemClock
from ..envelope import Event
from ..errors import Unavailable
from ..topics import channel, check_kernel_name, journal_key, stream
from ..wire import EventEncoder, Form
from . import scripts
from .access import Access
from .client import COMMAND_TIMEOUT, connection, mended_by_reconnecting, naming, redacted
from .dialects import LiveLogs
from .resp import bulk, command

__all__ = ["Publisher"]

_GROUP_EVENTS = 256
_GROUP_BYTES = 128 * 1024
_IN_FLIGHT = 2
"""Groups on the way: the next one is packed while Redis works on the one before."""

_SHA = hashlib.sha1(scripts.PUBLISH.encode(), usedforsecurity=False).hexdigest().encode()


class Publisher:
    """One kernel's voice on one Redis. Used by one thread at a time; it may block ``timeout``.

    Publishing again what was published is harmless: Redis skips what its stream holds.
    """

    def __init__(
        self,
        url: str,
        kernel: str,
        journal: str,
        *,
        form: Form = "json",
        max_entries: int = 100_000,
        live_logs: str = "",
        timeout: float = COMMAND_TIMEOUT,
        clock: Clock | None = None,
        access: Access | None = None,
    ) -> None:
        """Connect at the first use.

        ``journal`` names the sequence that the events are numbered in: two kernels of one name
        cannot publish to one Redis, and a new journal begins a new stream. ``max_entries`` bounds
        the stream, about. ``live_logs`` is a channel for that dialect; empty for none. ``timeout``
        is in seconds, for each answer and for a whole batch.
        Raises ``ConfigError`` for a malformed name or URL.
        """
        self._url = url
        self._kernel = check_kernel_name(kernel)
        self._journal = journal.encode()
        self._stream = stream(kernel).encode()
        self._key = journal_key(kernel).encode()
        self._encode = EventEncoder(kernel, form).encode
        self._max_entries = b"%d" % max_entries
        self._live_logs = LiveLogs() if live_logs else None
        self._live_channel = bulk(live_logs.encode())
        self._connection = connection(url, timeout, slot=stream(kernel), access=access)
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._adopted = False
        self._ready = False

    def __repr__(self) -> str:
        return f"<Publisher {self._kernel} → {redacted(self._url)}>"

    def publish(self, events: Sequence[Event], previous: int | None = None) -> int:
        """Add the events and publish them, in order; returns how many the stream had not yet.

        ``previous`` is the ``seq`` mirrored before the first of them, when it is not the one
        just below. Raises ``Unavailable`` when Redis does not take them all: publish the same
        events again later.
        """
        if not events:
            return 0
        before = events[0].seq - 1 if previous is None else previous
        with naming(self._url):
            try:
                return self._publish(events, before)
            except redis.RedisError as error:
                if not mended_by_reconnecting(error):
                    raise
                return self._publish(events, before)

    def ping(self) -> None:
        """Raise ``Unavailable`` unless the server answers in time."""
        with naming(self._url):
            self._call(b"PING")

    def disconnect(self) -> None:
        """Drop the connection; the next use makes another."""
        self._ready = False
        self._connection.disconnect()

    def close(self) -> None:
        """Give up the kernel's name on this Redis, if it can be reached, and disconnect."""
        try:
            if self._ready:
                self._call(b"EVAL", scripts.RELEASE.encode(), b"1", self._key, self._journal)
        except redis.RedisError:
            pass  # the next kernel of this name takes it over anyway
        finally:
            self.disconnect()

    def _publish(self, events: Sequence[Event], previous: int) -> int:
        try:
            if not self._ready:
                self._introduce(events[0].seq)
            return self._exchange(events, previous)
        except redis.RedisError:
            self.disconnect()
            raise

    def _introduce(self, first: int) -> None:
        """On a new connection: bring the script, and take the name or find it taken."""
        self._call(b"SCRIPT", b"LOAD", scripts.PUBLISH.encode())
        again = b"1" if self._adopted else b"0"
        keys = (b"2", self._stream, self._key)
        taken = self._call(
            b"EVAL", scripts.ADOPT.encode(), *keys, self._journal, b"%d" % first, again
        )
        if not taken:
            self.disconnect()
            raise Unavailable(
                f"another kernel named {self._kernel!r} publishes to Redis at "
                f"{redacted(self._url)}: give one of them another name"
            )
        self._adopted = self._ready = True

    def _exchange(self, events: Sequence[Event], previous: int) -> int:
        fresh, waiting, floor = 0, 0, 0
        deadline = self._clock.monotonic() + self._timeout
        send, receive = self._connection.send_packed_command, self._connection.read_response
        for last, packed, count in self._groups(events, previous):
            if waiting == _IN_FLIGHT:
                fresh += receive()
                waiting -= 1
                if self._clock.monotonic() > deadline:
                    raise redis.TimeoutError(f"it took longer than {self._timeout:g} s for a batch")
            send([self._command(floor, packed, count)], check_health=False)
            waiting += 1
            floor = last
        return fresh + sum(int(receive()) for _ in range(waiting))

    def _command(self, floor: int, packed: list[bytes], count: int) -> bytes:
        head = (b"EVALSHA", _SHA, b"2", self._stream, self._key, self._journal, self._max_entries)
        return command((*head, b"%d" % floor), packed, count)

    def _groups(
        self, events: Sequence[Event], previous: int
    ) -> Iterator[tuple[int, list[bytes], int]]:
        """Yield groups: the last ``seq``, packed arguments, and how many arguments these are."""
        encode, kernel, live_logs = self._encode, self._kernel, self._live_logs
        packed: list[bytes] = []
        size = messages = 0
        for event in events:
            seq, envelope = event.seq, event.envelope
            digits = b"%d" % seq
            name = channel(kernel, envelope.run, envelope.type).encode()
            payload = encode(event, previous)
            # The arguments of ``resp.bulk`` one by one, for an event in a single step.
            packed.append(
                b"$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
                % (len(digits), digits, len(name), name, len(payload), payload)
            )
            previous = seq
            size += len(payload)
            messages += 1
            if live_logs and (projected := live_logs.project(event)):
                packed.append(b"$0\r\n\r\n" + self._live_channel + bulk(projected[0].payload))
                messages += 1
            if len(packed) >= _GROUP_EVENTS or size >= _GROUP_BYTES:
                yield seq, packed, 3 * messages
                packed, size, messages = [], 0, 0
        if packed:
            yield previous, packed, 3 * messages

    def _call(self, *arguments: bytes) -> Any:
        self._connection.send_packed_command([command(arguments)], check_health=False)
        return self._connection.read_response()
