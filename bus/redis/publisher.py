"""Publishing: committed events into the stream and onto their channels, in groups."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import redis

from ..clock import Clock, SystemClock
from ..envelope import Event
from ..errors import CodecError, Unavailable
from ..messages import BusReaderPassed
from ..topics import check_kernel_name, heartbeat_key, journal_key, readers_key, stream
from ..wire import PAYLOAD_BYTES, EventEncoder, Form, parse
from . import scripts
from .access import Access
from .adapted import Behind
from .client import COMMAND_TIMEOUT, connection, mended_by_reconnecting, naming, redacted
from .dialects import Dialect
from .packing import Group, Packer
from .resp import bulk, command
from .trimming import Trimmer

__all__ = ["BEAT", "Publisher"]

BEAT = 1.0
"""Seconds between two heartbeats at most, as observers are told."""
_IN_FLIGHT = 2
"""Groups on the way: the next one is packed while Redis works on the one before."""


def _sha(script: str) -> bytes:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()


_LOADED = (scripts.PUBLISH, scripts.FILL, scripts.BEAT, scripts.TRIM)
_PUBLISH, _FILL, _BEAT, _TRIM = map(_sha, _LOADED)
_CALLS = {script: bulk(b"EVALSHA") + bulk(script) for script in (_PUBLISH, _FILL)}
_OWN_KEYS = 2
_ANY = 1 << 53
_TAKEN = "equal or smaller than the target stream top item"


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
        start: str = "",
        form: Form = "json",
        payload_bytes: int = PAYLOAD_BYTES,
        max_entries: int = 100_000,
        max_age: float = 0.0,
        dialects: Sequence[Dialect] = (),
        owns: Callable[[int, str], bool] | None = None,
        timeout: float = COMMAND_TIMEOUT,
        clock: Clock | None = None,
        access: Access | None = None,
    ) -> None:
        """Connect at the first use.

        ``journal`` names the sequence that the events are numbered in, and ``start`` this start of
        the kernel: two kernels of one name cannot publish to one Redis, and a new journal begins a
        new stream. An empty ``journal`` may be any. ``owns`` tells whether
        the event of this ``seq`` has this id in the journal, so that a stream of another one is
        known and removed. ``max_entries`` and ``max_age``, in seconds, bound the stream, about.
        ``timeout`` is in seconds, for each answer and for a whole batch.
        Raises ``ConfigError`` for a malformed name or URL.
        """
        self._url = url
        self._kernel = check_kernel_name(kernel)
        self._journal = (f"{journal}/{start}" if start else journal).encode()
        self._named = {"journal": journal, "start": start}
        self._stream = stream(kernel).encode()
        self._key = journal_key(kernel).encode()
        self._heartbeat = heartbeat_key(kernel).encode()
        self._readers = readers_key(kernel).encode()
        self._form = form.encode()
        encoder = EventEncoder(kernel, form, payload_bytes)
        self._packer = Packer(kernel, encoder, dialects, _OWN_KEYS + 1)
        # What is the same each time, packed once: a lone event is on its way the sooner.
        self._own_keys = bulk(self._stream) + bulk(self._key)
        self._said_journal, self._said_form = bulk(self._journal), bulk(self._form)
        self._owns = owns
        self._connection = connection(url, timeout, slot=stream(kernel), access=access)
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._trimmer = Trimmer(self._stream, max_entries, max_age, self._clock, self._call)
        self._adopted = False
        self._ready = False
        self._spoilt = False
        self._top = 0

    def __repr__(self) -> str:
        return f"<Publisher {self._kernel} → {redacted(self._url)}>"

    def publish(self, events: Sequence[Event], previous: int | None = None, floor: int = 0) -> int:
        """Add the events and publish them, in order; returns how many the stream had not yet.

        ``previous`` is the ``seq`` mirrored before the first of them, when it is not the one
        just below. ``floor`` is the newest one that the stream must have already, 0 for any:
        raises ``Behind`` when it lacks that one. Raises ``Unavailable`` when Redis does not take
        them all: publish the same events again later.
        """
        if not events:
            return 0
        before = events[0].seq - 1 if previous is None else previous
        packed = functools.partial(self._packer.to_publish, events, before)
        return int(self._twice(lambda: self._exchange(_PUBLISH, packed(), floor), events[0].seq))

    def fill(self, events: Sequence[Event], previous: int, floor: int = 0) -> int:
        """Add the events to the stream, as ``publish`` does, and tell no channel of them."""
        packed = functools.partial(self._packer.to_fill, events, previous)
        return int(self._twice(lambda: self._exchange(_FILL, packed(), floor)))

    def standing(self, next_seq: int) -> int:
        """The newest ``seq`` that the stream has of this journal, 0 for none.

        ``next_seq`` is what the journal will give next: a stream that is ahead is another's.
        """
        self.disconnect()
        self._twice(lambda: None, next_seq)
        return self._top

    def beat(self, seq: int, last: int = 0) -> None:
        """Tell observers that the kernel is there, and that ``seq`` is the newest that they have.

        ``last`` is the journal's newest. Raises ``Behind`` when the stream lacks ``seq``, and
        ``Unavailable`` unless the server answers in time.
        """
        keys = (b"3", self._stream, self._key, self._heartbeat)
        arguments = (self._journal, b"%d" % seq, self._form, self._said(seq, "live", last))
        self._twice(lambda: self._call(b"EVALSHA", _BEAT, *keys, *arguments))

    def trim(self, report: Callable[[BusReaderPassed], None]) -> None:
        """Keep the stream within its bounds, when it is time.

        ``report`` is called before a registered reader is passed.
        """
        if self._trimmer.due:
            keys = (b"2", self._stream, self._readers)
            script = functools.partial(self._call, b"EVALSHA", _TRIM, *keys)
            self._twice(lambda: self._trimmer.trim(script, report))

    def ping(self) -> None:
        """Raise ``Unavailable`` unless the server answers in time."""
        with naming(self._url):
            self._call(b"PING")

    def disconnect(self) -> None:
        """Drop the connection; the next use makes another."""
        self._ready = False
        self._connection.disconnect()

    def close(self, seq: int = 0) -> None:
        """Say that the kernel ends, give up its name, if Redis can be reached, and disconnect."""
        try:
            if self._ready:
                keys = (b"2", self._key, self._heartbeat)
                said = self._said(seq, "closing")
                ended = f"{self._named['journal']}/".encode()
                self._call(b"EVAL", scripts.RELEASE.encode(), *keys, self._journal, said, ended)
        except redis.RedisError:
            pass  # the next kernel of this name takes it over anyway
        finally:
            self.disconnect()

    def _twice(self, work: Callable[[], Any], next_seq: int = _ANY) -> Any:
        """Do it on a connection that is introduced; once more on a new one where that helps."""
        with naming(self._url):
            try:
                return self._once(work, next_seq)
            except redis.RedisError as error:
                if not mended_by_reconnecting(error):
                    raise
                return self._once(work, next_seq)

    def _once(self, work: Callable[[], Any], next_seq: int) -> Any:
        try:
            if not self._ready:
                self._introduce(next_seq)
            return work()
        except redis.RedisError as error:
            self.disconnect()
            # A stream whose end was deleted takes no id again: the whole of it is made anew.
            self._spoilt = _TAKEN in str(error)
            if self._spoilt or scripts.BEHIND in str(error):
                raise Behind(f"Redis at {redacted(self._url)} has lost events") from error
            raise

    def _introduce(self, next_seq: int) -> None:
        """On a new connection: bring the scripts, and take the name or find it taken."""
        for script in _LOADED:
            self._call(b"SCRIPT", b"LOAD", script.encode())
        again = b"1" if self._adopted else b"0"
        keys = (b"2", self._stream, self._key)
        taken, *top = self._call(
            b"EVAL", scripts.ADOPT.encode(), *keys, self._journal, b"%d" % next_seq, again
        )
        if not taken:
            self.disconnect()
            raise Unavailable(
                f"another kernel named {self._kernel!r} publishes to Redis at "
                f"{redacted(self._url)}: give one of them another name"
            )
        self._top = self._verified(*(top or (0, b"")))
        self._adopted = self._ready = True

    def _verified(self, seq: int, payload: bytes) -> int:
        """The stream's newest ``seq``; 0, and no stream, when it is spoilt or another journal's."""
        known = not seq or self._owns is None or self._owns(seq, _id_of(payload))
        if known and not self._spoilt:
            return seq
        keys = (b"2", self._stream, self._key)
        self._call(b"EVAL", scripts.CLEAR.encode(), *keys, self._journal)
        self._spoilt = False
        return 0

    def _exchange(self, script: bytes, groups: Iterable[Group], floor: int) -> int:
        fresh = waiting = 0
        deadline = self._clock.monotonic() + self._timeout
        send, receive = self._connection.send_packed_command, self._connection.read_response
        for group in groups:
            if waiting == _IN_FLIGHT:
                fresh += receive()
                waiting -= 1
                if self._clock.monotonic() > deadline:
                    raise redis.TimeoutError(f"it took longer than {self._timeout:g} s for a batch")
            send([self._command(script, group, floor)], check_health=False)
            waiting += 1
            floor = group.last
        fresh += sum(int(receive()) for _ in range(waiting))
        self._trimmer.add(fresh)
        return fresh

    def _command(self, script: bytes, group: Group, floor: int) -> bytes:
        count = _OWN_KEYS + len(group.keys)
        keys = [_CALLS[script], bulk(b"%d" % count), self._own_keys, *map(bulk, group.keys)]
        rest = [self._said_journal, bulk(b"%d" % floor), self._said_form, *group.packed]
        return command((), keys + rest, 6 + count + group.arguments)

    def _said(self, seq: int, state: str, last: int = 0) -> bytes:
        beat = {"seq": seq, "time": self._clock.time(), "state": state, "every": BEAT}
        return msgspec.json.encode({**beat, "last": max(seq, last), **self._named})

    def _call(self, *arguments: bytes) -> Any:
        self._connection.send_packed_command([command(arguments)], check_health=False)
        return self._connection.read_response()


def _id_of(payload: bytes) -> str:
    try:
        return parse(payload).id
    except CodecError:
        return ""
