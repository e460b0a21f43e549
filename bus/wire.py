"""An event as observers read it: CloudEvents 1.0 in JSON, or in msgpack on request.

Attributes: ``specversion id source type time subject``, the extensions ``sequence`` (decimal,
padded to 16 digits: the extension demands that its text sorts), ``run task agent cause
traceparent``, and ``data``. What an event does not have is left out. ``previous`` is the
sequence of the event mirrored before this one, given only where the mirror left out what is
between. ``coalesced`` is how many pieces of text were joined to this one, the last of them.
A large ``data`` is left out: ``dataref`` says where it is, ``databytes`` how much it is.
Readers ignore what they do not know.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Literal

import msgspec

from .coalescing import Coalesced
from .envelope import Event
from .errors import CodecError

__all__ = ["EventEncoder", "Form", "ObservedEvent", "Timestamps", "parse", "source_of"]

Form = Literal["json", "msgpack"]

PAYLOAD_BYTES = 64 * 1024
"""A body that is larger stays in the journal, and observers get a reference."""


class ObservedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as it reached an observer. ``time`` is seconds since the epoch, ``body`` JSON."""

    seq: int
    id: str
    type: str
    time: float
    source: str
    subject: str = ""
    run: str = ""
    task: str = ""
    agent: str = ""
    cause: str = ""
    trace: str = ""
    body: bytes = b"null"
    previous: int = 0
    """The ``seq`` that was mirrored before this one; what lies between is not meant to come."""
    dataref: str = ""
    """Where the body is when it was too large to be sent; ``body`` is ``null`` then."""
    databytes: int = 0
    """The size of the body that ``dataref`` refers to."""
    coalesced: int = 1
    """How many events this is: the text of several, with the ``seq`` of the last."""

    @property
    def data(self) -> Any:
        """The body, decoded anew at each call."""
        return msgspec.json.decode(self.body)


def source_of(kernel: str) -> str:
    """The ``source`` attribute of a kernel's events."""
    return f"retinue:{kernel}"


class Timestamps:
    """RFC 3339 in UTC with milliseconds; events of one millisecond share their text."""

    def __init__(self) -> None:
        self._moment = self._second = -1
        self._prefix = self._text = ""

    def format(self, seconds: float) -> str:
        """For example ``2001-09-09T01:46:40.123Z``; ``seconds`` since the epoch."""
        moment = round(seconds * 1000)
        if moment != self._moment:
            self._moment = moment
            self._text = self._format(*divmod(moment, 1000))
        return self._text

    def _format(self, second: int, ms: int) -> str:
        if second != self._second:
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._prefix}.{ms:03d}Z"


class EventEncoder:
    """Encodes one kernel's events, about 1 µs each as JSON. Used by one thread at a time."""

    def __init__(
        self, kernel: str, form: Form = "json", payload_bytes: int = PAYLOAD_BYTES
    ) -> None:
        """``form`` is the encoding of the whole event, ``payload_bytes`` bounds its body."""
        self._source = source_of(kernel)
        self._form = form
        self._payload_bytes = payload_bytes
        self._time = Timestamps().format

    def encode(self, event: Event, previous: int) -> bytes:
        """The wire form; the body's bytes go into the JSON form as they are.

        ``previous`` is the ``seq`` of the event that was mirrored before this one.
        """
        e = event.envelope
        seq = event.seq
        kind = _Wire
        if len(e.body) > self._payload_bytes or event.__class__ is not Event:
            kind = _WireWithMore
        wire = kind(
            "1.0",
            e.id,
            self._source,
            e.type,
            self._time(e.time),
            f"{seq:016d}",
            e.task or e.agent or e.run,
            e.run,
            e.task,
            e.agent,
            e.cause,
            e.trace,
            "" if previous == seq - 1 else f"{previous:016d}",
            msgspec.Raw(e.body),
        )
        if kind is not _Wire:
            self._complete(wire, event)
        if self._form == "json":
            return _encode(wire)
        if wire.data is not None:
            wire.data = msgspec.json.decode(e.body)
        return msgspec.msgpack.encode(wire)

    def _complete(self, wire: Any, event: Event) -> None:
        if isinstance(event, Coalesced):
            wire.coalesced = event.count
        if len(event.envelope.body) > self._payload_bytes:
            wire.data = None
            wire.dataref = f"/v1/events/{event.seq}"
            wire.databytes = len(event.envelope.body)


def parse(data: bytes) -> ObservedEvent:
    """Read either form; raises ``CodecError`` that keeps the bytes."""
    try:
        wire = _read_json(data) if data[:1] == b"{" else _read_msgpack(data)
        moment = datetime.fromisoformat(wire.time).timestamp()
        seq = int(wire.sequence)
        return ObservedEvent(
            seq,
            wire.id,
            wire.type,
            moment,
            wire.source,
            wire.subject,
            wire.run,
            wire.task,
            wire.agent,
            wire.cause,
            wire.traceparent,
            bytes(wire.data),
            int(wire.previous) if wire.previous else seq - 1,
            wire.dataref,
            wire.databytes,
            wire.coalesced,
        )
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"not an event of ours: {error}", data) from error


class _Wire(msgspec.Struct, omit_defaults=True, gc=False):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    sequence: str
    subject: str = ""
    run: str = ""
    task: str = ""
    agent: str = ""
    cause: str = ""
    traceparent: str = ""
    previous: str = ""
    data: Any = None


class _WireWithMore(_Wire):
    """What few events have: a class of its own, so that the others take no time for it."""

    dataref: str = ""
    databytes: int = 0
    coalesced: int = 1


class _ReadWire(_WireWithMore):
    data: msgspec.Raw = msgspec.Raw(b"null")


_encode = msgspec.json.Encoder().encode
_read_json = msgspec.json.Decoder(_ReadWire).decode
_msgpack_decoder = msgspec.msgpack.Decoder(_WireWithMore)


def _read_msgpack(data: bytes) -> _WireWithMore:
    wire = _msgpack_decoder.decode(data)
    wire.data = msgspec.json.encode(wire.data)
    return wire
