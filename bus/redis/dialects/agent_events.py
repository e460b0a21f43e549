"""The ``agent-events`` dialect: steps, tasks' states, calls and searches, in a stream.

What its fields mean here, and which the kernel does not know, is in docs/how-to/speak-a-dialect.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from ...envelope import Envelope, Event
from ...wire import Timestamps
from .call_entries import CallEntries
from .dialect import Projected
from .task_entries import TaskEntries

__all__ = ["AGENT_EVENTS_KEY", "AgentEvents"]

AGENT_EVENTS_KEY = "agent_events"

_TASKS = 65_536
_CALLS = 16_384
_AGAIN = 4_096
"""Events whose messages are kept, so that a batch that is sent again says the same: two batches."""

_NAMESPACE = uuid.UUID("6f2d9a3e-3c1b-5f0e-9f0a-5b1d7c9e2a41")

_Writer = Callable[[Envelope], Iterator[tuple[str, dict[str, Any]]]]


class AgentEvents:
    """Projects events to entries, and remembers what is open: tasks, and calls under way."""

    def __init__(
        self,
        key: str = AGENT_EVENTS_KEY,
        *,
        max_tasks: int = _TASKS,
        max_calls: int = _CALLS,
        again: int = _AGAIN,
    ) -> None:
        """``key`` is the stream. Of more open tasks or calls than these the oldest are forgotten.

        ``again`` is of how many events the messages are kept, for a caller that repeats itself.
        """
        self._key = key
        self._again = again
        self._time = Timestamps().format
        self._tasks = TaskEntries(max_tasks)
        self._calls = CallEntries(max_calls)
        self._writers = {**self._tasks.writers, **self._calls.writers}
        self._told: dict[int, Sequence[Projected]] = {}
        self._top = self._floor = 0

    def project(self, event: Event) -> Sequence[Projected]:
        """The entries for an event; raises ``CodecError`` for a malformed body.

        An event may come again, when what was sent did not arrive. One from further back than is
        remembered begins anew: a mirror that is filled from the journal.
        """
        seq = event.seq
        if seq <= self._top:
            if seq > self._floor:
                return self._told.get(seq, ())
            self._begin_anew()
        if not self._top:
            self._floor = seq - 1
        self._top = seq
        write = self._writers.get(event.envelope.type)
        return () if write is None else self._keep(seq, self._entries(event.envelope, write))

    def _entries(self, envelope: Envelope, write: _Writer) -> Sequence[Projected]:
        ts = self._time(envelope.time)
        return [
            Projected("stream", self._key, _encode(_Entry(_id(envelope.id, kind), ts, kind, said)))
            for kind, said in write(envelope)
        ]

    def _keep(self, seq: int, entries: Sequence[Projected]) -> Sequence[Projected]:
        if entries:
            self._told[seq] = entries
            if len(self._told) > self._again:
                self._floor = next(iter(self._told))
                del self._told[self._floor]
        return entries

    def _begin_anew(self) -> None:
        self._tasks.clear()
        self._calls.clear()
        self._told.clear()
        self._top = 0


class _Entry(msgspec.Struct, gc=False):
    id: str
    ts: str
    type: str
    payload: dict[str, Any]


_encode = msgspec.json.Encoder().encode


def _id(event: str, kind: str) -> str:
    """The same each time that the event is projected, so that readers can tell a repetition."""
    return str(uuid.uuid5(_NAMESPACE, f"{event}/{kind}"))
