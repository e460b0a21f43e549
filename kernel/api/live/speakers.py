"""The dialects as WebSocket clients hear them, from the kernel's own events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import CodecError
from retinue.bus.redis.dialects import AgentEvents, Dialect, LiveLogs, OrchestratorEvents

from .shared import Message

__all__ = ["AGENT_EVENTS", "LIVE_LOGS", "ORCHESTRATOR_EVENTS", "Speaker", "Speakers"]

AGENT_EVENTS = "agent-events"
LIVE_LOGS = "live-logs"
ORCHESTRATOR_EVENTS = "orchestrator-events"

_TOLD = "telemetry."

_DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    AGENT_EVENTS: lambda: AgentEvents(again=0),
    LIVE_LOGS: LiveLogs,
    ORCHESTRATOR_EVENTS: OrchestratorEvents,
}


class Speaker:
    """One dialect, spoken in order by one thread at a time."""

    def __init__(self, name: str) -> None:
        """``name`` is one of those above."""
        self._dialect = _DIALECTS[name]()
        self._hears_others = name == LIVE_LOGS
        self.primed = name != AGENT_EVENTS
        """Whether it knows what is under way, or need not."""

    def say(self, event: Event) -> Sequence[Message]:
        """The event's messages and their types; none for a body that is not what its type says."""
        try:
            if self._hears_others and event.envelope.type.startswith(_TOLD):
                return [_retold(event.envelope)]
            spoken = self._dialect.project(event)
        except CodecError:
            return ()
        return [(_type_of(message.payload), message.payload) for message in spoken]

    def hear(self, events: Iterable[Event]) -> None:
        """Listen to what was before."""
        for event in events:
            self.say(event)
        self.primed = True


class Speakers:
    """The dialects that somebody listens to; each event is said once in each, to all."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._speakers: dict[str, Speaker] = {}
        self._listeners: dict[str, int] = {}

    def add(self, name: str, speaker: Speaker | None = None) -> None:
        """One more listens to the dialect; ``speaker`` has heard all so far, and may be taken over."""
        if name:
            self._listeners[name] = self._listeners.get(name, 0) + 1
            if name not in self._speakers:
                self._speakers[name] = speaker or Speaker(name)

    def remove(self, name: str) -> None:
        """One fewer does."""
        if name:
            self._listeners[name] -= 1
            if not self._listeners[name]:
                del self._listeners[name], self._speakers[name]

    def say(self, event: Event) -> Mapping[str, Sequence[Message]]:
        """The event's messages by dialect."""
        return {name: speaker.say(event) for name, speaker in self._speakers.items()}


class _Told(msgspec.Struct, omit_defaults=True):
    """What a program outside said: on Redis the dialect has it already, from that program itself."""

    category: str
    message: str
    metadata: str
    timestamp: str
    tool_name: str | msgspec.UnsetType = msgspec.UNSET
    args: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    duration_ms: int | msgspec.UnsetType = msgspec.UNSET
    run_id: str = ""
    agent_id: str = ""


def _retold(envelope: Envelope) -> Message:
    told = decode(envelope.body, _Told)
    told.run_id, told.agent_id = envelope.run, envelope.agent
    return told.category, msgspec.json.encode(told)


class _Typed(msgspec.Struct):
    type: str = ""
    category: str = ""


_typed = msgspec.json.Decoder(_Typed).decode


def _type_of(payload: bytes) -> str:
    found = _typed(payload)
    return found.type or found.category
