"""What comes in from outside over Redis: telemetry, on its way to the journal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from retinue.bus.envelope import Envelope
from retinue.bus.errors import JournalError, RetinueError
from retinue.bus.redis.dialects.inbound import Told
from retinue.bus.redis.intake import Intake
from retinue.bus.redis.listener import Listener

from .base import KernelActor
from .bygone import Bygone
from .runtime import ActorRef, Future, ThreadActor
from .runtime.future import VALUE
from .scribe import Scribe
from .task_table import TaskTable

__all__ = ["Door", "ListenerActor", "TakeIn", "TelemetryDesk"]

_STEP = "step"
_STEP_SECONDS = 0.5
_AT_ONCE = 64


class TakeIn(msgspec.Struct, frozen=True):
    """To the desk: commit these, but for those of runs that have ended."""

    envelopes: Sequence[Envelope] = ()


class TelemetryDesk(KernelActor):
    """Has the last word on what is taken in: nothing of a run that has ended.

    A light actor, like the Orchestrator and on its thread: between the look at a run and the append
    no run can end, so that what is let through stands before the run's last event.
    """

    handles: ClassVar = {TakeIn: "_take_in"}

    def __init__(self, scribe: Scribe, table: TaskTable) -> None:
        """``table`` tells which runs have ended."""
        super().__init__()
        self._scribe = scribe
        self._runs = table.runs

    def _take_in(self, told: TakeIn) -> Future[int]:
        """Answered with how many were refused, once the others are committed."""
        reply = self.defer()
        open_ones = [one for one in told.envelopes if self._may(one.run)]
        refused = len(told.envelopes) - len(open_ones)
        if open_ones:
            self._scribe.append(open_ones, lambda _: reply.settle(VALUE, refused))
        else:
            reply.settle(VALUE, refused)
        return reply

    def _may(self, name: str) -> bool:
        run = self._runs.get(name)
        return run is None or run.open > 0


class Door:
    """Open until the kernel is about to say its last word. Any thread may use it."""

    def __init__(self) -> None:
        """Open."""
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Once this returns, nothing more is let in; ``let_in`` that is under way is waited for."""
        with self._lock:
            self._closed = True

    def let_in(self, bring: Callable[[], Any]) -> Any:
        """What ``bring`` gives, which must not wait; ``None`` without calling it when closed."""
        with self._lock:
            return None if self._closed else bring()


class ListenerActor(ThreadActor):
    """Owns the thread that hears what comes over Redis, and answers requests for events.

    One batch of telemetry is on its way at a time: a kernel that is behind takes in less.
    """

    def __init__(
        self,
        listener: Listener,
        desk: Callable[[], ActorRef[Any]],
        scribe: Scribe,
        door: Door,
        bygone: Bygone,
    ) -> None:
        """``desk`` finds the TelemetryDesk; ``bygone`` knows runs that ended long ago."""
        super().__init__()
        self._listener = listener
        self._desk = desk
        self._scribe = scribe
        self._door = door
        self._bygone = bygone
        self._answer: Future[int] | None = None

    def on_start(self) -> None:
        """Begin with a step, which connects."""
        self._listener.open()
        self.actor_ref.tell(_STEP)

    def on_receive(self, message: str) -> None:
        """Hear what comes, hand it on, and come again."""
        self._listener.step(_STEP_SECONDS)
        intake = self._listener.intake
        if intake is not None:
            self._hand_on(intake)
        if not self._listener.closing:
            self.actor_ref.tell(_STEP)

    def on_stop(self) -> None:
        """Disconnect."""
        self._listener.close()

    def _hand_on(self, intake: Intake) -> None:
        if self._answer is not None:
            if not self._answer.done:
                return
            self._count(intake, self._answer)
            self._answer = None
        found = [told for told in self._listener.told(_AT_ONCE) if self._may(told, intake)]
        if found:
            taken = TakeIn([self._write(told) for told in found])
            self._answer = self._door.let_in(lambda: self._desk().ask(taken, block=False))
        if self._answer is not None:
            self._answer.on_done(self._listener.nudge)
        dropped = self._listener.to_say()
        if dropped is not None:
            self._door.let_in(lambda: self._scribe.append([self._scribe.write(dropped)]))

    def _count(self, intake: Intake, answer: Future[int]) -> None:
        try:
            intake.drop("ended", answer.outcome())
        except RetinueError:  # the desk is not there, or far behind: nobody knows what became of it
            intake.drop("unread")

    def _may(self, told: Told, intake: Intake) -> bool:
        names = f"{told.run} {told.agent}"
        if self._scribe.secrets.any and self._scribe.secrecy.text(names) != names:
            intake.drop("malformed")
            return False
        try:
            gone = self._bygone.has(told.run, time.monotonic())
        except JournalError:
            gone = None
        if gone is not False:
            intake.drop("ended" if gone else "unread")
        return gone is False

    def _write(self, told: Told) -> Envelope:
        return self._scribe.write(told.body, told.run, "", told.agent)
