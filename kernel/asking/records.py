"""What is remembered of each thing that the journal tells of. Times are seconds since the epoch."""

from __future__ import annotations

import msgspec

__all__ = [
    "AgentRecord",
    "ApprovalRecord",
    "Attempt",
    "CallRecord",
    "KernelRecord",
    "Letter",
    "TaskRecord",
]


class Attempt(msgspec.Struct):
    """One attempt at a task, from the queue to its end; ``others`` waited when it was chosen."""

    number: int
    queued: float
    delay: float = 0.0
    scheduled: float | None = None
    began: float | None = None
    ended: float | None = None
    outcome: str = ""
    kind: str = ""
    cause: str = ""
    policy: str = ""
    reason: str = ""
    others: int = 0
    waited: float = 0.0


class CallRecord(msgspec.Struct):
    """A call of a tool or a model (``what`` is ``tool`` or ``llm``); ``rule`` of the policy let it."""

    id: str
    what: str
    name: str
    task: str
    began: float
    seq: int
    effect: str = ""
    ended: float | None = None
    error: str = ""
    unknown: bool = False
    rule: str = ""


class ApprovalRecord(msgspec.Struct):
    """A call that waits for one of ``who`` to say yes until ``expires``; ``granted`` by ``by``."""

    id: str
    task: str
    resource: str
    rule: str
    who: tuple[str, ...]
    since: float
    expires: float
    by: str = ""


class TaskRecord(msgspec.Struct):
    """One task.

    ``cancel`` is a reason, a time and the task that asked for it, if one did; ``stalled`` is what
    made no progress, since when, and the action.
    """

    id: str
    run: str
    agent: str
    parent: str
    submitted: float
    seq: int
    priority: int = 5
    deadline: float | None = None
    allowed: int = 1
    state: str = "submitted"
    attempts: list[Attempt] = []
    calls: list[CallRecord] = []
    approvals: list[ApprovalRecord] = []
    children: list[str] = []
    cancel: tuple[str, float, str] | None = None
    stalled: tuple[str, float, str] | None = None
    ended: float | None = None
    kind: str = ""
    cause: str = ""
    last: float = 0.0

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    @property
    def attempt(self) -> Attempt:
        """The newest attempt; an empty one before the first was queued."""
        if not self.attempts:
            self.attempts.append(Attempt(1, self.submitted))
        return self.attempts[-1]

    def open_calls(self) -> list[CallRecord]:
        """Calls that have not returned, oldest first."""
        return [call for call in self.calls if call.ended is None]


class AgentRecord(msgspec.Struct):
    """An agent; ``gone`` is when it was no longer there, ``failed`` that it could not come back."""

    name: str
    spawned: float
    tools: tuple[str, ...] = ()
    gone: float | None = None
    why: str = ""
    failed: bool = False


class KernelRecord(msgspec.Struct):
    """The kernel since its last start; ``max_running`` is 0 when the journal does not tell it."""

    started: float = 0.0
    pid: int = 0
    name: str = ""
    paused: float | None = None
    max_running: int = 0
    policy: str = ""
    stopping: tuple[str, float] | None = None
    stopped: float | None = None
    boots: int = 0


class Letter(msgspec.Struct):
    """A dead letter: a message that found no reader, or a task that nobody tries again.

    ``kind`` is ``message`` or ``task``; ``dealt`` says what was done about it, and is empty.
    """

    id: str
    kind: str
    time: float
    seq: int
    what: str
    recipient: str
    reason: str
    task: str = ""
    run: str = ""
    dealt: str = ""
