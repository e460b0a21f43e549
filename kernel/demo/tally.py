"""What the demo's last line says: a fold over the events that an observer got. Pure."""

from __future__ import annotations

import msgspec

from retinue.bus.wire import ObservedEvent

__all__ = ["Summary", "Tally"]


class Summary(msgspec.Struct, frozen=True):
    """The whole in figures. ``lost`` counts events of the journal that the observer did not get."""

    agents: int
    tasks: int
    events_journal: int
    events_observed: int
    lost: int
    tool_calls: int
    tokens: int
    seconds: float
    model: str
    redis: str


class Tally:
    """Counts events as they come, each ``seq`` once. Used by one thread."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._tasks: set[str] = set()
        self._agents: set[str] = set()
        self._tool_calls = self._tokens = 0
        self._began = self._ended = 0.0

    def add(self, event: ObservedEvent) -> None:
        """Take an event in; one that came before changes nothing."""
        if event.seq in self._seen:
            return
        self._seen.add(event.seq)
        if event.task:
            self._tasks.add(event.task)
            self._agents.add(event.agent)
            self._began = self._began or event.time
            self._ended = event.time
        if event.type == "tool.called":
            self._tool_calls += 1
        elif event.type == "llm.returned":
            data = event.data  # zeros are left out
            self._tokens += data.get("input_tokens", 0) + data.get("output_tokens", 0)

    def summary(self, journal: int, model: str, redis: str) -> Summary:
        """The figures beside a journal whose last ``seq`` is ``journal``."""
        return Summary(
            agents=len(self._agents - {""}),
            tasks=len(self._tasks),
            events_journal=journal,
            events_observed=len(self._seen),
            lost=journal - len(self._seen),
            tool_calls=self._tool_calls,
            tokens=self._tokens,
            seconds=round(self._ended - self._began, 3),
            model=model,
            redis=redis,
        )
