"""The frames: msgpack arrays that begin with their kind, values inside them as JSON bytes.

An ``id`` names one call. The host's are random, the guest's count upwards; each side's ids are
its own, so neither can answer, end or cancel what is not the other's to give.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = [
    "PROTOCOL",
    "AgentOffer",
    "Ask",
    "Call",
    "Cancel",
    "Event",
    "Fault",
    "FromGuest",
    "FromHost",
    "Hello",
    "Log",
    "Offer",
    "Part",
    "Ping",
    "Pong",
    "Reply",
    "Stream",
]

PROTOCOL = 1
"""The version that both sides name first."""

Id = Annotated[int, Meta(ge=0)]
Word = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=64 * 1024)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]
"""Neither negative nor NaN nor endless: it goes into events, which are JSON."""
Seconds = Annotated[float, Meta(gt=0, le=3600)]


class _Frame(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    """Unknown fields and kinds are refused."""


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """An error: the name of its kind, and one line. ``fields`` is a JSON object of its own."""

    kind: Word
    message: Text
    fields: bytes = b"{}"


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """A tool that a plugin's code offers; ``schema`` is JSON Schema of its arguments."""

    name: Word
    schema: bytes
    description: Text = ""
    effect: Word = "none"
    timeout: Seconds | None = None


class AgentOffer(msgspec.Struct, frozen=True, array_like=True):
    """An agent that a plugin's code offers; ``schema`` is JSON Schema of its input."""

    name: Word
    schema: bytes
    description: Text = ""
    tools: tuple[Word, ...] = ()
    attempts: Annotated[int, Meta(ge=1)] = 1
    attempt_timeout: Annotated[float, Meta(gt=0)] | None = None


class Call(_Frame, frozen=True):
    """To the guest: do this. ``seconds`` is how long it may take, ``effect`` the effect's id."""

    id: Id
    method: Word
    params: bytes
    seconds: float
    effect: Word = ""


class Ask(_Frame, frozen=True):
    """To the host: do this for me, on behalf of the call ``during`` of the host's."""

    id: Id
    during: Id
    method: Word
    params: bytes


class Part(_Frame, frozen=True):
    """Either way: a piece of a value that is too long for one frame; the rest comes later."""

    id: Id
    data: bytes
    asked: bool
    """Whether ``id`` is one of the guest's own (an ``Ask``), and not one of the host's."""


class Reply(_Frame, frozen=True):
    """Either way: what came of a call, after its parts. ``asked`` as in ``Part``."""

    id: Id
    value: bytes = b""
    fault: Fault | None = None
    asked: bool = False


class Stream(_Frame, frozen=True):
    """To the host: a piece of a call's output before its end, one JSON value."""

    id: Id
    value: bytes


class Event(_Frame, frozen=True):
    """To the host: how far a call is; ``total`` 0 says that nobody knows."""

    id: Id
    done: Amount
    total: Amount = 0.0
    note: Text = ""


class Cancel(_Frame, frozen=True):
    """Either way: the answer is not wanted any more. The guest gets 250 ms, and is ended then."""

    id: Id
    reason: Word = ""


class Hello(_Frame, frozen=True):
    """To the host, first and once: who this is and what it offers."""

    protocol: int
    name: Word
    version: Word
    tools: tuple[Offer, ...] = ()
    agents: tuple[AgentOffer, ...] = ()


class Log(_Frame, frozen=True):
    """To the host: a line for the plugin's log."""

    level: Word
    text: Text


class Ping(_Frame, frozen=True):
    """To the guest: say that you live."""

    id: Id


class Pong(_Frame, frozen=True):
    """To the host: the answer to a ``Ping``."""

    id: Id


FromHost = Call | Part | Reply | Cancel | Ping
FromGuest = Hello | Ask | Part | Reply | Stream | Event | Cancel | Log | Pong
