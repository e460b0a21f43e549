"""Events as WebSocket frames, in the dialects that their readers know. Pure."""

from __future__ import annotations

import msgspec

from ..problems import Problem
from .shared import Shared
from .speakers import LIVE_LOGS
from .views import Gap
from .wanted import Wanted

__all__ = ["MAX_FRAME", "Forwarded", "RunLogs", "text_frame"]

MAX_FRAME = 256 * 1024
"""Bytes of the largest message; what is larger is a gap of one event."""


class Forwarded(msgspec.Struct, frozen=True):
    """Each message of a dialect as it is; with ``numbered``, ``seq`` is put in front of its keys.

    The types that are wanted are the dialect's own, or the kernel's.
    """

    dialect: str
    numbered: bool = False
    beat: float = 0.0

    def opening(self) -> bytes:
        """Nothing."""
        return b""

    def frame(self, shared: Shared, wanted: Wanted, previous: int) -> bytes:
        """The frames of the event's messages."""
        frames = b""
        for kind, payload in shared.messages.get(self.dialect, ()):
            if wanted.has_type(kind) or wanted.has_type(shared.envelope.type):
                frames += self._framed(self._shown(payload), shared.seq, wanted)
        return frames

    def gap(self, gap: Gap) -> bytes:
        """A message of type ``gap``."""
        return text_frame(msgspec.json.encode(gap))

    def problem(self, problem: Problem) -> bytes:
        """A message of type ``problem``."""
        return text_frame(msgspec.json.encode({"type": "problem", "problem": problem}))

    def heartbeat(self, position: int) -> bytes:
        """Nothing: the protocol has pings."""
        return b""

    def _shown(self, payload: bytes) -> bytes:
        return payload

    def _framed(self, payload: bytes, seq: int, wanted: Wanted) -> bytes:
        if len(payload) > MAX_FRAME:
            return self.gap(Gap(seq, seq, "large", 1, f"GET /v1/events/{seq}"))
        return text_frame(b'{"seq":%d,' % seq + payload[1:] if self.numbered else payload)


class RunLogs(Forwarded, frozen=True):
    """The ``live-logs`` of one run as a console gets them: ``log_event`` messages."""

    dialect: str = LIVE_LOGS

    def _shown(self, payload: bytes) -> bytes:
        log = _read(payload)
        return msgspec.json.encode(_LogEvent(log.agent_id, _Payload.of(log), log.timestamp))


def text_frame(payload: bytes) -> bytes:
    """An unmasked text frame, as a server sends it (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c" % size + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class _Log(msgspec.Struct):
    category: str
    message: str
    metadata: str
    timestamp: str
    agent_id: str = ""
    tool_name: str | msgspec.UnsetType = msgspec.UNSET
    args: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    duration_ms: int | msgspec.UnsetType = msgspec.UNSET


class _Payload(msgspec.Struct):
    category: str
    message: str
    metadata: str
    tool_name: str | msgspec.UnsetType
    args: msgspec.Raw | msgspec.UnsetType
    duration_ms: int | msgspec.UnsetType

    @classmethod
    def of(cls, log: _Log) -> _Payload:
        return cls(
            log.category, log.message, log.metadata, log.tool_name, log.args, log.duration_ms
        )


class _LogEvent(msgspec.Struct, tag_field="type", tag="log_event"):
    agent_id: str
    payload: _Payload
    timestamp: str


_read = msgspec.json.Decoder(_Log).decode
