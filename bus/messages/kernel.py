"""The kernel itself, its mirror to observers, and messages that found no reader."""

from __future__ import annotations

from .base import Command, Event

__all__ = [
    "BusDegraded",
    "BusRestored",
    "ConfigureScheduler",
    "KernelRecovered",
    "KernelStarted",
    "KernelStopped",
    "KernelStopping",
    "MessageDead",
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
    """The kernel takes work."""

    name: str
    version: str
    pid: int


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
    """The kernel's last event; ``unfinished`` tasks are resumed by the next start, if there is one."""

    unfinished: int = 0


class SupervisorActed(Event, frozen=True, tag="kernel.supervised"):
    """Supervision dealt with a failed actor."""

    actor: str
    action: str
    kind: str
    cause: str


class BusDegraded(Event, frozen=True, tag="bus.degraded"):
    """Redis is away, stopped or too slow; the kernel goes on."""

    reason: str


class BusRestored(Event, frozen=True, tag="bus.restored"):
    """Redis takes events again; ``dropped`` were given up meanwhile, oldest first."""

    seconds: float
    dropped: int = 0


class MessageDead(Event, frozen=True, tag="message.dead"):
    """A message found no reader: its type, for whom, and why."""

    message: str
    recipient: str
    reason: str
