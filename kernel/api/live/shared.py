"""One event on its way to many clients: encoded once, whoever gets it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from retinue.bus.envelope import Envelope, Event
from retinue.bus.wire import PAYLOAD_BYTES, EventEncoder

__all__ = ["Encoders", "Message", "Shared"]

Message = tuple[str, bytes]
"""A dialect's message: its type, and its JSON text."""


class Encoders:
    """Of one kernel's events; used by one thread at a time."""

    def __init__(self, kernel: str) -> None:
        """``brief`` has a reference in place of a large body, ``whole`` never."""
        self.brief = EventEncoder(kernel).encode
        self.whole = EventEncoder(kernel, payload_bytes=sys.maxsize).encode


class Shared:
    """An event and its wire form, made when the first one asks. Used by one thread at a time."""

    __slots__ = ("_encoders", "_wire", "envelope", "event", "messages", "seq")

    def __init__(
        self,
        event: Event,
        encoders: Encoders,
        messages: Mapping[str, Sequence[Message]] | None = None,
    ) -> None:
        """``messages`` are the event's in each dialect that somebody listens to, by its name."""
        self.event = event
        self.envelope: Envelope = event.envelope
        self.seq = event.seq
        self.messages = messages or {}
        self._encoders = encoders
        self._wire = b""

    def wire(self, previous: int, *, whole: bool = False) -> bytes:
        """The CloudEvents JSON on one line; ``previous`` is the event that its reader got before."""
        if whole and len(self.envelope.body) > PAYLOAD_BYTES:
            return _one_line(self._encoders.whole(self.event, previous))
        if not self._wire:
            self._wire = _one_line(self._encoders.brief(self.event, self.seq - 1))
        if previous == self.seq - 1:
            return self._wire
        return b'{"previous":"%016d",' % previous + self._wire[1:]


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def _one_line(data: bytes) -> bytes:
    """A body may hold line breaks between its tokens, and nowhere else."""
    return data.translate(_ONE_LINE) if b"\n" in data or b"\r" in data else data
