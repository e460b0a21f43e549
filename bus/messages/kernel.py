"""The kernel itself, its mirror to observers, and messages that found no reader."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from .base import Command, Event

__all__ = [
    "BusDegraded",
    "BusReaderPassed",
    "BusRestored",
    "ConfigureScheduler",
    "KernelRecovered",
    "KernelStarted",
    "KernelStopped",
    "KernelStopping",
    "MessageDead",
    "MessagePurged",
    "MessageRedriven",
    "SchedulerConfigured",
    "SupervisorActed",
]


class ConfigureScheduler(Command, frozen=True):
    """To the Scheduler: swap the policy or the caps while it runs; ``None`` leaves one as it is."""

    policy: str | None = None
    max_running: int | None = None
    max_per_agent: int | None = None
    paused: bool | None = None


class SchedulerConfigured(Event, frozen=True, tag="kernel.scheduler_configured"):
    """The Scheduler decides by these from now on."""

    policy: str
    max_running: int
    max_per_agent: int
    paused: bool = False


class KernelStarted(Event, frozen=True, tag="kernel.started"):
    """The kernel takes work; the Scheduler decides by ``policy``, with ``max_running`` at once.

    ``result_bytes`` is the most that an agent's result may have; 0 where that was not told.
    """

    name: str
    version: str
    pid: int
    policy: str = ""
    max_running: int = 0
    result_bytes: int = 0


class KernelRecovered(Event, frozen=True, tag="kernel.recovered"):
    """The kernel goes on where its last start ended.

    ``events`` were folded, ``resumed`` tasks go on, ``unknown`` ended with an unknown outcome.
    """

    events: int
    resumed: int = 0
    unknown: int = 0
    clean: bool = True


class KernelStopping(Event, frozen=True, tag="kernel.stopping"):
    """The kernel takes no more work and waits for what runs, ``drain`` seconds at most."""

    reason: str
    drain: float = 0.0


class KernelStopped(Event, frozen=True, tag="kernel.stopped"):
    """The kernel's last event; ``unfinished`` tasks are resumed by the next start, if there is one.

    ``actors`` maps the name of each actor that was there to how many messages were sent to it, and
    what became of them: sent, handled, failed, dead_lettered, dropped, pending.
    """

    unfinished: int = 0
    actors: dict[str, Any] = {}


class SupervisorActed(Event, frozen=True, tag="kernel.supervised"):
    """Supervision dealt with a failed actor."""

    actor: str
    action: str
    kind: str
    cause: str


class BusDegraded(Event, frozen=True, tag="bus.degraded"):
    """Redis is away, stopped, too slow or empty; the kernel goes on.

    ``dropped`` and ``refilled`` are counts since the kernel started, as in ``bus.restored``.
    """

    reason: str
    dropped: int = 0
    refilled: int = 0


class BusRestored(Event, frozen=True, tag="bus.restored"):
    """Redis has again what it should have.

    Meanwhile ``refilled`` events were read back from the journal, and ``dropped`` never reached
    Redis, as the journal no longer had them.
    """

    seconds: float
    dropped: int = 0
    refilled: int = 0


class BusReaderPassed(Event, frozen=True, tag="bus.reader_passed"):
    """The stream is about to be trimmed beyond the place of a registered reader.

    It has everything up to ``cursor``; the stream will begin with ``first``. What is between is
    in the journal.
    """

    reader: str
    cursor: int
    first: int


class MessageDead(Event, frozen=True, tag="message.dead"):
    """A message found no reader: its type, for whom, and why.

    From ``id`` on it is the message itself, so that it can be sent again; ``sent`` is seconds since
    the epoch. ``id`` is empty for what only the sender's memory could hold. What a task or a tool was
    given is left out of ``body``, as it may hold secrets. The run and the task are here and not in
    the event's header: nothing follows the end of a run, and this may come later.
    """

    message: str
    recipient: str
    reason: str
    id: str = ""
    body: Raw = Raw(b"null")
    run: str = ""
    task: str = ""
    agent: str = ""
    sender: str = ""
    cause: str = ""
    trace: str = ""
    sent: float = 0.0


class MessageRedriven(Event, frozen=True, tag="message.redriven"):
    """A dead letter was sent again: a message to ``to``, a task as the new task ``to``."""

    letter: str
    to: str


class MessagePurged(Event, frozen=True, tag="message.purged"):
    """A dead letter was dealt with otherwise; it stays in the journal."""

    letter: str
    reason: str
