"""The ``orchestrator-events`` dialect: text, tool uses and reasoning, on a channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ...codec import decode
from ...envelope import Envelope, Event
from ...messages import AgentText, AgentThought, ToolCalled
from .dialect import Projected

__all__ = ["ORCHESTRATOR_CHANNEL", "OrchestratorEvents"]

ORCHESTRATOR_CHANNEL = "orchestrator_events"


class OrchestratorEvents:
    """Projects each event to one message or none, and remembers nothing of it."""

    def __init__(self, channel: str = ORCHESTRATOR_CHANNEL) -> None:
        """``channel`` is where the messages go."""
        self._channel = channel

    def project(self, event: Event) -> Sequence[Projected]:
        """One message or none; raises ``CodecError`` for a malformed body."""
        write = _WRITERS.get(event.envelope.type)
        if write is None:
            return ()
        return (Projected("channel", self._channel, _encode(write(event.envelope))),)


class _Text(msgspec.Struct, tag="text_generation", gc=False):
    data: str
    timestamp: float


class _ToolUse(msgspec.Struct, tag="tool_use", gc=False):
    tool_name: str
    tool_input: msgspec.Raw
    timestamp: float


class _Reasoning(msgspec.Struct, tag="reasoning", gc=False):
    content: str
    timestamp: float


_encode = msgspec.json.Encoder().encode


def _text(envelope: Envelope) -> _Text:
    return _Text(decode(envelope.body, AgentText).delta, envelope.time)


def _tool_use(envelope: Envelope) -> _ToolUse:
    body = decode(envelope.body, ToolCalled)
    return _ToolUse(body.tool, body.args, envelope.time)


def _reasoning(envelope: Envelope) -> _Reasoning:
    return _Reasoning(decode(envelope.body, AgentThought).text, envelope.time)


_WRITERS: dict[str, Callable[[Envelope], msgspec.Struct]] = {
    "agent.text": _text,
    "tool.called": _tool_use,
    "agent.thought": _reasoning,
}
