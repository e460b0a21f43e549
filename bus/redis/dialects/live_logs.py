"""The ``live-logs`` dialect, outbound: tool calls, their results and thoughts, on a channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...codec import decode
from ...envelope import Envelope, Event
from ...messages import AgentThought, ToolCalled, ToolReturned
from ...wire import Timestamps
from ..log_text import DONE, call_text, result_text
from .dialect import Projected

__all__ = ["LIVE_LOGS_CHANNEL", "LiveLogs"]

LIVE_LOGS_CHANNEL = "raro:live_logs"


class LiveLogs:
    """Projects each event to one message or none, and remembers nothing of it."""

    def __init__(self, channel: str = LIVE_LOGS_CHANNEL) -> None:
        """``channel`` is where the messages go."""
        self._channel = channel
        self._time = Timestamps().format

    def project(self, event: Event) -> Sequence[Projected]:
        """One message or none; raises ``CodecError`` for a malformed body."""
        write = _WRITERS.get(event.envelope.type)
        if write is None:
            return ()
        log = write(event.envelope, self._time(event.envelope.time))
        return (Projected("channel", self._channel, _encode(log)),)


class _Log(msgspec.Struct, omit_defaults=True):
    run_id: str
    agent_id: str
    category: str
    message: str
    metadata: str
    timestamp: str
    tool_name: str | msgspec.UnsetType = msgspec.UNSET
    args: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    duration_ms: int | msgspec.UnsetType = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def _call(envelope: Envelope, timestamp: str) -> _Log:
    body = decode(envelope.body, ToolCalled)
    return _Log(
        envelope.run,
        envelope.agent,
        "TOOL_CALL",
        call_text(body.tool, bytes(body.args).decode()),
        "IO_REQ",
        timestamp,
        tool_name=body.tool,
        args=body.args,
    )


def _result(envelope: Envelope, timestamp: str) -> _Log:
    body = decode(envelope.body, ToolReturned)
    return _Log(
        envelope.run,
        envelope.agent,
        "TOOL_RESULT",
        result_text(_text_of(body.result)) if body.ok else body.error or DONE,
        "IO_OK" if body.ok else "IO_ERR",
        timestamp,
        tool_name=body.tool,
        duration_ms=round(body.seconds * 1000),
    )


def _thought(envelope: Envelope, timestamp: str) -> _Log:
    text = decode(envelope.body, AgentThought).text
    return _Log(envelope.run, envelope.agent, "THOUGHT", text, "PLANNING", timestamp)


_WRITERS: dict[str, Callable[[Envelope, str], _Log]] = {
    "tool.called": _call,
    "tool.returned": _result,
    "agent.thought": _thought,
}


def _text_of(result: msgspec.Raw) -> str:
    """A text as it is, another value as JSON."""
    value: Any = msgspec.json.decode(result)
    if value is None:
        return ""
    return value if isinstance(value, str) else bytes(result).decode()
