"""What a guest may say at this moment: a pure state machine that the host keeps for each process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from retinue.bus.errors import PluginError

from .frames import (
    PROTOCOL,
    Ask,
    Cancel,
    Event,
    FromGuest,
    Hello,
    Log,
    Part,
    Pong,
    Reply,
    Stream,
)

__all__ = ["Rules", "Violation"]

_MAX_TOOLS = 256
_FRAME_COST = 256
"""Bytes that a frame counts besides what it carries: empty ones cost the host as much."""


class Violation(PluginError):
    """A plugin's process broke the protocol; you do not get it for what a tool's code raises."""


class _Open(msgspec.Struct):
    """One of the host's calls that is not answered yet, and the bytes that came for it."""

    received: int = 0


class Rules:
    """Follows one process from ``Hello`` to its end. Not thread-safe; raises ``Violation``."""

    def __init__(self, name: str, version: str, output_bytes: int, in_flight: int) -> None:
        """``output_bytes`` bounds what may come for one call, ``in_flight`` the guest's own asks."""
        self._name, self._version = name, version
        self._output_bytes = output_bytes
        self._in_flight = in_flight
        self._greeted = False
        self._calls: dict[int, _Open] = {}
        self._asks: set[int] = set()
        self._last_ask = -1
        self._asked = self._taken_back = 0
        self._pings: set[int] = set()
        self._checks: dict[type[FromGuest], Callable[[Any], None]] = {
            Hello: self._hello,
            Reply: self._reply,
            Part: self._part,
            Stream: self._stream,
            Event: self._event,
            Ask: self._ask,
            Cancel: self._take_back,
            Log: self._log,
            Pong: self._pong,
        }

    def called(self, id: int) -> None:
        """The host made a call."""
        self._calls[id] = _Open()

    def is_open(self, id: int) -> bool:
        """Whether one of the host's calls waits for its answer, cancelled or not."""
        return id in self._calls

    def answered(self, id: int) -> None:
        """The host answered one of the guest's asks."""
        self._asks.discard(id)

    def pinged(self, id: int) -> None:
        """The host wants to know whether it lives."""
        self._pings.add(id)

    def check(self, frame: FromGuest) -> None:
        """Raise ``Violation`` unless the guest may send this now; note that it did."""
        if not self._greeted and not isinstance(frame, Hello):
            raise Violation(f"{self._name}: it sent a {type(frame).__name__} before its Hello")
        self._checks[type(frame)](frame)

    def _reply(self, reply: Reply) -> None:
        self._count(reply.id, len(reply.value), "Reply")
        del self._calls[reply.id]

    def _part(self, part: Part) -> None:
        if part.asked:
            raise Violation(f"{self._name}: it asked in parts: what it asks fits one frame")
        self._count(part.id, len(part.data), "Part")

    def _stream(self, stream: Stream) -> None:
        self._count(stream.id, len(stream.value), "Stream")

    def _event(self, event: Event) -> None:
        self._count(event.id, len(event.note), "Event")

    def _log(self, log: Log) -> None:
        """Any, at any time; what is written of it is bounded elsewhere."""

    def _hello(self, hello: Hello) -> None:
        if self._greeted:
            raise Violation(f"{self._name}: it sent a second Hello")
        if hello.protocol != PROTOCOL:
            raise Violation(
                f"{self._name}: it speaks protocol {hello.protocol}, and this kernel {PROTOCOL}: "
                "build the plugin with a matching SDK"
            )
        if (hello.name, hello.version) != (self._name, self._version):
            raise Violation(
                f"{self._name}: it calls itself {hello.name!r} {hello.version!r}, and its manifest "
                f"says {self._name!r} {self._version!r}: make them equal"
            )
        names = [tool.name for tool in hello.tools]
        if len(names) > _MAX_TOOLS or len(set(names)) != len(names):
            raise Violation(f"{self._name}: its tools are over {_MAX_TOOLS}, or two have one name")
        agents = [agent.name for agent in hello.agents]
        if len(agents) > _MAX_TOOLS or len(set(agents)) != len(agents):
            raise Violation(f"{self._name}: its agents are over {_MAX_TOOLS}, or two have one name")
        self._greeted = True

    def _count(self, id: int, size: int, kind: str) -> None:
        call = self._calls.get(id)
        if call is None:
            raise Violation(f"{self._name}: a {kind} for a call that is not open")
        call.received += size + _FRAME_COST
        if call.received > self._output_bytes:
            raise Violation(
                f"{self._name}: a call sent back more than {self._output_bytes:,} bytes; "
                "raise limits.output_bytes, or send less"
            )

    def _ask(self, ask: Ask) -> None:
        if ask.id <= self._last_ask:
            raise Violation(f"{self._name}: it used the id {ask.id} again")
        self._last_ask = ask.id
        self._asked += 1
        self._asks.add(ask.id)
        if len(self._asks) > self._in_flight:
            raise Violation(f"{self._name}: over {self._in_flight} requests of its own at once")

    def _take_back(self, cancel: Cancel) -> None:
        """One for each ask at most; the answer may have been on its way."""
        self._taken_back += 1
        if cancel.id > self._last_ask or self._taken_back > self._asked:
            raise Violation(f"{self._name}: it took back what it had not asked for")

    def _pong(self, pong: Pong) -> None:
        if pong.id not in self._pings:
            raise Violation(f"{self._name}: it answered a Ping that was not sent")
        self._pings.discard(pong.id)
