"""What a kernel hears on Redis: telemetry of programs outside, and requests for events."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ..messages import TelemetryDropped
from .dialects.inbound import Told
from .echoes import Echoes
from .fills import FillServer
from .intake import Intake
from .link import Link

__all__ = ["FillEar", "Listener", "TelemetryEar"]

_SHARE = 9
"""A flood that is dropped is read for a tenth of the time: it may not have the interpreter's lock."""
_LONGEST_PAUSE = 0.25


class Ear(Protocol):
    """A link, and what becomes of what comes over it."""

    link: Link

    def hear(self, now: float) -> None:
        """Receive what there is."""

    def pause(self, now: float) -> float:
        """Seconds for which nothing is to be received."""

    def close(self) -> None:
        """Disconnect."""


class TelemetryEar:
    """Hears ``live-logs`` of programs outside."""

    def __init__(
        self,
        link: Link,
        intake: Intake,
        echoes: Echoes,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``link`` tells ``echoes`` of each new subscription."""
        self.link = link
        self.intake = intake
        self._echoes = echoes
        self._monotonic = monotonic
        self._resume = 0.0
        self._losses = 0

    def hear(self, now: float) -> None:
        """Take in what has come. A flood makes for a pause, nine times as long as it took to read."""
        flooded = False
        for message in self.link.receive(now):
            if self._echoes.overrun:
                self.link.drop(now, "too far behind to know its own messages")
                break
            flooded |= self.intake.hear(message, now)
        if self.link.losses > self._losses:
            self.intake.drop("cut_off", self.link.losses - self._losses)
            self._losses = self.link.losses
        if flooded:
            after = self._monotonic()
            self._resume = after + min(_SHARE * (after - now), _LONGEST_PAUSE)

    def pause(self, now: float) -> float:
        """Seconds until there is time for a flood again."""
        return max(0.0, self._resume - now)

    def close(self) -> None:
        """Disconnect."""
        self.link.close()


class FillEar:
    """Hears requests for events, and has them answered."""

    def __init__(self, link: Link, server: FillServer) -> None:
        """Requests come over ``link``; ``server`` has a connection of its own."""
        self.link = link
        self.server = server

    def hear(self, now: float) -> None:
        """Take the requests that have come."""
        for message in self.link.receive(now):
            self.server.hear(message)

    def pause(self, now: float) -> float:
        """None: requests are small, and the oldest of too many are forgotten."""
        return 0.0

    def close(self) -> None:
        """Disconnect."""
        self.link.close()
        self.server.close()


class Listener:
    """Waits on all that a kernel hears. One thread steps; ``wake`` may be called from any."""

    def __init__(
        self,
        fills: FillEar | None,
        telemetry: TelemetryEar | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing happens until ``open``."""
        self._fills = fills
        self._telemetry = telemetry
        self._ears: Sequence[Ear] = [ear for ear in (fills, telemetry) if ear is not None]
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = None
        self._nudged = False
        self._closing = False
        self.failure = ""
        """What went wrong in the last step; empty when nothing did."""

    @property
    def intake(self) -> Intake | None:
        """The counts of telemetry; ``None`` when none is taken in."""
        return None if self._telemetry is None else self._telemetry.intake

    @property
    def closing(self) -> bool:
        """Whether it is to be closed."""
        return self._closing

    @property
    def trouble(self) -> str:
        """Why not everything is heard that is to be; empty when it is."""
        links = (repr(ear.link) for ear in self._ears if ear.link.trouble)
        return self.failure or next(links, "")

    @property
    def listening(self) -> bool:
        """Whether everything that is to be heard is subscribed to."""
        return all(ear.link.subscribed for ear in self._ears)

    def open(self) -> None:
        """Be ready to step; again after ``close``."""
        self._closing = False
        with self._lock:
            self._pipe = self._pipe or os.pipe()

    def step(self, seconds: float) -> None:
        """Hear what comes within ``seconds``, or what is there, and answer a request."""
        now = self._monotonic()
        wait = min([seconds, *(ear.link.attend(now) for ear in self._ears)])
        for ear in self._ready(now, wait):
            ear.hear(self._monotonic())
        if self._fills is not None:
            self._fills.server.serve(self._monotonic())

    def told(self, most: int) -> list[Told]:
        """What was taken in and not handed on yet, the oldest first."""
        return [] if self._telemetry is None else self._telemetry.intake.take(most)

    def to_say(self) -> TelemetryDropped | None:
        """What was dropped, once a minute at most."""
        intake = self.intake
        return None if intake is None else intake.to_say(self._monotonic())

    def nudge(self) -> None:
        """End a step that waits."""
        with self._lock:
            if self._pipe is not None and not self._nudged:
                self._nudged = True
                os.write(self._pipe[1], b"\0")

    def rest(self, seconds: float) -> None:
        """Hear nothing for so long, unless it is nudged. On the thread that steps."""
        poll = select.poll()
        if self._pipe is not None:
            poll.register(self._pipe[0], select.POLLIN)
        poll.poll(0 if self._closing else seconds * 1000)
        self._calm()

    def wake(self) -> None:
        """End a step that waits, and have all later ones not wait: the listener is to be closed."""
        self._closing = True
        self.nudge()

    def close(self) -> None:
        """Disconnect. On the thread that steps."""
        for ear in self._ears:
            ear.close()
        with self._lock:
            pipe, self._pipe, self._nudged = self._pipe, None, False
        for descriptor in pipe or ():
            os.close(descriptor)

    def _ready(self, now: float, wait: float) -> list[Ear]:
        """Those with something to receive, once one has or ``wait`` seconds are over."""
        poll, ears = select.poll(), {}
        if self._pipe is not None:
            poll.register(self._pipe[0], select.POLLIN)
        for ear in self._ears:
            pause = ear.pause(now)
            if pause > 0:
                wait = min(wait, pause)
            elif ear.link.socket is not None:
                ears[ear.link.socket.fileno()] = ear
                poll.register(ear.link.socket, select.POLLIN)
        more = [ear for ear in ears.values() if ear.link.has_more]
        if more or self._closing or (self._fills is not None and self._fills.server.waiting):
            wait = 0.0
        ready = [number for number, _ in poll.poll(wait * 1000)]
        self._calm()
        found = [ears[number] for number in ready if number in ears]
        return [*more, *(ear for ear in found if ear not in more)]

    def _calm(self) -> None:
        """Take the nudge, if there was one."""
        with self._lock:
            if self._pipe is not None and self._nudged:
                os.read(self._pipe[0], 1)
                self._nudged = False
