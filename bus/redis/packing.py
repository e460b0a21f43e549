"""Events as arguments of a script, group by group: bytes that go to the socket as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ..envelope import Event
from ..errors import CodecError
from ..topics import channel
from ..wire import EventEncoder
from .dialects import Dialect
from .resp import bulk

__all__ = ["Group", "Packer"]

_GROUP_EVENTS = 256
_GROUP_BYTES = 128 * 1024

_CHANNEL, _STREAM = bulk(b"channel"), bulk(b"stream")


class Group(msgspec.Struct, frozen=True):
    """What one call of a script takes. ``last`` is the newest ``seq``, ``keys`` go to ``KEYS``."""

    last: int
    packed: list[bytes]
    arguments: int
    keys: Sequence[bytes] = ()


class Packer:
    """Packs one kernel's events. Used by one thread at a time."""

    def __init__(
        self, kernel: str, encoder: EventEncoder, dialects: Sequence[Dialect], first_key: int
    ) -> None:
        """``first_key`` is the index in ``KEYS`` of the first of a group's own keys, from 1."""
        self._kernel = kernel
        self._encode = encoder.encode
        self._dialects = tuple(dialects)
        self._first_key = first_key

    def to_publish(self, events: Sequence[Event], previous: int) -> Iterator[Group]:
        """Groups for ``scripts.PUBLISH``: ``seq``, channel and payload of each message."""
        encode, kernel, dialects = self._encode, self._kernel, self._dialects
        packed: list[bytes] = []
        keys: list[bytes] = []
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
            if dialects:
                for form in self._projected(event, keys):
                    packed.append(form)
                    size += len(form)
                    messages += 1
            if messages >= _GROUP_EVENTS or size >= _GROUP_BYTES:
                yield Group(seq, packed, 3 * messages, keys)
                packed, keys, size, messages = [], [], 0, 0
        if packed:
            yield Group(previous, packed, 3 * messages, keys)

    def to_fill(self, events: Sequence[Event], previous: int) -> Iterator[Group]:
        """Groups for ``scripts.FILL``: ``seq`` and payload of each event."""
        packed: list[bytes] = []
        size = 0
        for event in events:
            payload = self._encode(event, previous)
            packed.append(bulk(b"%d" % event.seq) + bulk(payload))
            previous = event.seq
            size += len(payload)
            if len(packed) >= _GROUP_EVENTS or size >= _GROUP_BYTES:
                yield Group(previous, packed, 2 * len(packed))
                packed, size = [], 0
        if packed:
            yield Group(previous, packed, 2 * len(packed))

    def _projected(self, event: Event, keys: list[bytes]) -> Iterator[bytes]:
        for dialect in self._dialects:
            try:
                projected = dialect.project(event)
            except CodecError:
                continue  # the event itself goes out; this dialect has no words for it
            for kind, name, payload in projected:
                if kind == "channel":
                    yield _CHANNEL + bulk(name.encode()) + bulk(payload)
                else:
                    yield _STREAM + bulk(self._index(name.encode(), keys)) + bulk(payload)

    def _index(self, key: bytes, keys: list[bytes]) -> bytes:
        if key not in keys:
            keys.append(key)
        return b"%d" % (self._first_key + keys.index(key))
