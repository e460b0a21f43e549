"""The ListenerActor: hears what comes over Redis, and never lets it hold anything up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from retinue.bus.envelope import Envelope
from retinue.bus.errors import JournalError, RetinueError
from retinue.bus.messages import SupervisorActed
from retinue.bus.redis.dialects.inbound import Told
from retinue.bus.redis.intake import Intake
from retinue.bus.redis.listener import Listener

from .bygone import Bygone
from .inbound import Door, TakeIn
from .runtime import ActorRef, Future, ThreadActor
from .scribe import Scribe

__all__ = ["ListenerActor"]

_STEP = "step"
_STEP_SECONDS = 0.5
_AT_ONCE = 64
"""Messages in a batch: the desk's thread is the kernel's own."""
_REST = 1.0
"""Seconds until a listener that failed goes on."""
_TOLD_EVERY = 60.0


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
        self._brought = 0
        self._told_at: float | None = None

    def on_start(self) -> None:
        """Begin with a step, which connects."""
        self._listener.open()
        self.actor_ref.tell(_STEP)

    def on_receive(self, message: str) -> None:
        """Hear what comes, hand it on, and come again.

        What goes wrong is told and does not end the actor: whoever can make it go wrong from outside
        would wear out its supervisor, and the kernel with it.
        """
        try:
            self._listener.step(_STEP_SECONDS)
            intake = self._listener.intake
            if intake is not None:
                self._hand_on(intake)
            self._listener.failure = ""
        except Exception as error:  # noqa: BLE001 - said above
            self._listener.failure = f"{type(error).__name__}: {error}"
            self._tell_of(error)
            self._listener.rest(_REST)
        if not self._listener.closing:
            self.actor_ref.tell(_STEP)

    def on_stop(self) -> None:
        """Disconnect."""
        self._listener.close()

    def _hand_on(self, intake: Intake) -> None:
        if self._answer is not None:
            if not self._answer.done:
                return
            answer, self._answer = self._answer, None
            self._count(intake, answer)
        found = [told for told in self._listener.told(_AT_ONCE) if self._may(told, intake)]
        if found:
            self._bring(found, intake)
        dropped = self._listener.to_say()
        if dropped is not None:
            self._door.let_in(lambda: self._scribe.append([self._scribe.write(dropped)]))

    def _bring(self, found: list[Told], intake: Intake) -> None:
        taken = TakeIn([self._write(told) for told in found])
        self._brought = len(found)
        try:
            self._answer = self._door.let_in(lambda: self._desk().ask(taken, block=False))
        except RetinueError:  # the desk has ended, or its mailbox is full
            intake.drop("unread", len(found))
        if self._answer is not None:
            self._answer.on_done(self._listener.nudge)

    def _count(self, intake: Intake, answer: Future[int]) -> None:
        try:
            intake.drop("ended", answer.outcome())
        except RetinueError:  # it did not answer in time: nobody knows what became of them
            intake.drop("unread", self._brought)

    def _tell_of(self, error: Exception) -> None:
        """Once a minute at most."""
        now = time.monotonic()
        if self._told_at is None or now >= self._told_at + _TOLD_EVERY:
            self._told_at = now
            said = SupervisorActed("listener", "goes on", type(error).__name__, str(error))
            self._door.let_in(lambda: self._scribe.append([self._scribe.write(said)]))

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
