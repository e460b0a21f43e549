"""The port between the kernel and the places where agents' turns run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from retinue.bus.errors import RetinueError

if TYPE_CHECKING:
    from retinue.plugins.agents import AgentSpec
    from retinue.plugins.port import TurnPort

__all__ = [
    "AgentLoopLost",
    "Done",
    "Executor",
    "Outcome",
    "ProcessDied",
    "Report",
    "Running",
    "Stall",
    "Turn",
    "failed_at_once",
]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How a turn ended. ``kind`` is empty for success, else the name of the error's type.

    ``result`` is JSON. ``cause`` is one line of at most 2,000 characters. ``retry`` says
    whether another attempt could end differently, ``retry_after`` how many seconds to leave
    before it. ``traceback`` holds the last frames, for the log and not for observers.
    """

    result: bytes = b"null"
    kind: str = ""
    cause: str = ""
    retry: bool = True
    retry_after: float | None = None
    traceback: str = ""


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One attempt at one task: the agent, what it is given, and its door to the kernel.

    ``input`` is JSON; ``timeout`` is in seconds from the moment the turn starts to run.
    ``runner`` is the agent's instance, which only a process may do without: it makes its own.
    """

    spec: AgentSpec
    runner: Any
    input: bytes
    port: TurnPort
    timeout: float | None = None


Done = Callable[[Outcome], None]
"""Called exactly once, on any thread; must neither block nor raise."""

Report = Callable[[str, str], None]
"""``report(agent, text)``: something for the log that belongs to no outcome. Any thread."""


class Running(Protocol):
    """A turn that was started. Any thread may call it, and nothing here blocks."""

    def cancel(self, reason: str, kind: str = "Cancelled") -> None:
        """Tell the turn to stop, and cut it off when it has not after the executor's grace.

        Its outcome then is of this ``kind``, whatever it returns. A turn that has ended
        already, or was told before, takes no notice.
        """

    def what(self) -> str:
        """What it is doing now: the agent's task and, where it can be seen, the line of code."""


class Stall(msgspec.Struct, frozen=True):
    """A turn that holds a thread which others wait for, as ``Executor.check`` found it.

    ``agent`` and ``task`` are empty when it cannot be told whose code it is. ``struck`` is
    true once an exception was raised into it and did not help; the next step is to go on
    without that thread.
    """

    agent: str
    task: str
    seconds: float
    what: str
    struck: bool
    culprit: Any = None
    """For the executor alone."""


class Executor(Protocol):
    """A kind of place to run turns in."""

    def start(self, turn: Turn, done: Done) -> Running:
        """Begin, and call ``done`` once when it ended. Never blocks, never raises."""

    def check(self, now: float) -> list[Stall]:
        """Who makes others wait; ``now`` in seconds of the machine's monotonic clock.

        To be called a few times a second, always by the same thread.
        """

    def break_stall(self, stall: Stall) -> None:
        """End what ``check`` found, by the mildest means not tried yet. Same thread."""

    def forget(self, agent: str, runner: Any = None) -> None:
        """The agent is gone: run its ``on_stop``, and end the thread or process it has.

        Turns that were started before end first. Never blocks.
        """

    def close(self, timeout: float) -> None:
        """End every turn (kind ``KernelClosed``) and thread or process within ``timeout`` seconds."""


class AgentLoopLost(RetinueError):
    """A neighbour blocked the agents' loop for ever, and this turn lived on it. Retry it."""


class ProcessDied(RetinueError):
    """An agent's process ended under its turn. Not raised when the kernel itself ended it."""


class _Ended:
    """A turn that never began."""

    def cancel(self, reason: str, kind: str = "Cancelled") -> None:
        """There is nothing to stop."""

    def what(self) -> str:
        """It is over."""
        return "ended"


def failed_at_once(outcome: Outcome, done: Done) -> Running:
    """Report ``outcome`` for a turn that cannot begin."""
    done(outcome)
    return _Ended()
