"""One event on its way to many clients: encoded once, whoever gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from retinue.bus.envelope import Envelope, Event

__all__ = ["Message", "Shared"]

Encode = Callable[[Event, int], bytes]
Message = tuple[str, bytes]
"""A dialect's message: its type, and its JSON text."""


class Shared:
    """An event and its wire form, made when the first one asks. Used by one thread at a time."""

    __slots__ = ("_encode", "_wire", "envelope", "event", "messages", "seq")

    def __init__(
        self, event: Event, encode: Encode, messages: Mapping[str, Sequence[Message]] | None = None
    ) -> None:
        """``messages`` are the event's in each dialect that somebody listens to, by its name."""
        self.event = event
        self.envelope: Envelope = event.envelope
        self.seq = event.seq
        self.messages = messages or {}
        self._encode = encode
        self._wire = b""

    def wire(self, previous: int) -> bytes:
        """The CloudEvents JSON on one line; ``previous`` is the event that its reader got before."""
        if not self._wire:
            made = self._encode(self.event, self.seq - 1)
            # A body may hold line breaks between its tokens, and nowhere else.
            self._wire = made.translate(_ONE_LINE) if b"\n" in made or b"\r" in made else made
        if previous == self.seq - 1:
            return self._wire
        return b'{"previous":"%016d",' % previous + self._wire[1:]


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
