"""What ``agent-events`` says of tasks: their states, and the steps that their attempts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ...codec import decode
from ...envelope import Envelope
from ...messages import TERMINAL_TASK, AttemptFailed, TaskRunning, TaskSubmitted
from .tracks import Latest, TaskTrack

__all__ = ["TaskEntries"]

Payload = dict[str, Any]
Said = Iterator[tuple[str, Payload]]


class TaskEntries:
    """Types and payloads of entries for the events of tasks, and the memory of open ones."""

    def __init__(self, keep: int) -> None:
        """``keep`` counts open tasks."""
        self._tasks: Latest[TaskTrack] = Latest(keep)
        self.writers: Mapping[str, Callable[[Envelope], Said]] = {
            "task.submitted": self._submitted,
            "task.queued": self._waits,
            "task.scheduled": self._waits,
            "task.running": self._running,
            "task.attempt_failed": self._attempt_failed,
            **dict.fromkeys(TERMINAL_TASK, self._ended),
        }
        """By the type of the event; each raises ``CodecError`` for a malformed body."""

    def clear(self) -> None:
        """Forget everything."""
        self._tasks.clear()

    def _submitted(self, envelope: Envelope) -> Said:
        parent = decode(envelope.body, TaskSubmitted).parent
        above = self._tasks.get(parent) if parent else TaskTrack(layer=-1)
        layer = None if above is None or above.layer is None else above.layer + 1
        self._tasks.put(envelope.task, TaskTrack(layer=layer, parents=[parent] if parent else []))
        yield self._moved(envelope, "submitted")

    def _waits(self, envelope: Envelope) -> Said:
        yield self._moved(envelope, envelope.type.removeprefix("task."))

    def _running(self, envelope: Envelope) -> Said:
        yield self._moved(envelope, "running")
        track = self._track(envelope.task)
        track.attempt = decode(envelope.body, TaskRunning).attempt
        track.started = envelope.time
        yield "step_started", _step(envelope, track.attempt)

    def _attempt_failed(self, envelope: Envelope) -> Said:
        failed = decode(envelope.body, AttemptFailed)
        track = self._track(envelope.task)
        if track.started is not None or track.state is None:
            yield self._finished(envelope, track, failed.attempt, f"{failed.kind}: {failed.cause}")

    def _ended(self, envelope: Envelope) -> Said:
        ending = decode(envelope.body, _Ending)
        track = self._track(envelope.task)
        state = envelope.type.removeprefix("task.")
        if track.started is not None or (track.state is None and state == "succeeded"):
            attempt = track.attempt or ending.attempts
            yield self._finished(envelope, track, attempt, _exception(state, ending))
        yield self._moved(envelope, state)
        self._tasks.take(envelope.task)

    def _moved(self, envelope: Envelope, state: str) -> tuple[str, Payload]:
        track = self._track(envelope.task)
        old, track.state = track.state, state
        told = {"node": envelope.task, "old": old, "new": state}
        return "node_status_change", {**told, "layer": track.layer, "parents": track.parents}

    def _finished(
        self, envelope: Envelope, track: TaskTrack, attempt: int | None, exception: str
    ) -> tuple[str, Payload]:
        started, track.started = track.started, None
        duration = None if started is None else round(max(0.0, envelope.time - started), 6)
        told = {**_step(envelope, attempt), "duration": duration}
        return "step_finished", {**told, "exception": exception} if exception else told

    def _track(self, task: str) -> TaskTrack:
        track = self._tasks.get(task)
        if track is None:
            track = TaskTrack()
            self._tasks.put(task, track)
        return track


class _Ending(msgspec.Struct):
    """What the four ends of a task have in common, or one of them."""

    kind: str = ""
    cause: str = ""
    reason: str = ""
    attempts: int | None = None


def _step(envelope: Envelope, attempt: int | None) -> Payload:
    told = {"step": attempt, "root": envelope.run}
    return {**told, "node": envelope.task, "action": envelope.agent}


def _exception(state: str, ending: _Ending) -> str:
    if state == "succeeded":
        return ""
    kind = {"cancelled": "Cancelled", "outcome_unknown": "OutcomeUnknown"}.get(state, ending.kind)
    return f"{kind}: {ending.cause or ending.reason}"
