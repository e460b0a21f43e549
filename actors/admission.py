"""What may become a task: every rule that a submission is checked against, before it is accepted."""

from __future__ import annotations

import msgspec

from retinue.bus.envelope import Envelope
from retinue.bus.errors import DeadlockDetected, InvalidInput, KernelClosed, Unavailable
from retinue.bus.messages import SubmitTask
from retinue.bus.redact import is_withheld

from .journal import JournalHealth
from .roster import Entry, Roster
from .scheduling.policies import check_priority
from .secrecy import Secrecy
from .task_table import TaskTable, digest_of
from .tasks import Task

__all__ = ["Admission"]


class Admission:
    """The rules. Nothing is changed by a refusal, so nothing is lost by one."""

    def __init__(
        self,
        roster: Roster,
        health: JournalHealth,
        secrecy: Secrecy,
        input_bytes: int,
        open_tasks: int,
    ) -> None:
        """``input_bytes`` bounds one input as JSON, ``open_tasks`` all tasks that have not ended."""
        self._roster = roster
        self._health = health
        self._secrecy = secrecy
        self._input_bytes = input_bytes
        self._open_tasks = open_tasks
        self.closing = ""
        """Why no new run is taken any more; children of running tasks still are.

        They are as well while the journal is in trouble: what was accepted waits, and is not failed.
        """

    def admit(self, envelope: Envelope, body: SubmitTask, table: TaskTable, now: float) -> Task:
        """The task that the command asks for; raises the error that says why not."""
        if self.closing and not body.parent:
            raise KernelClosed(f"the kernel takes no new work: {self.closing}")
        if self._health.trouble and not body.parent:
            raise Unavailable(f"the kernel takes no new work: {self._health.trouble}")
        check_priority(body.priority)
        self._check_input(envelope, body)
        self._check_room(table)
        entry = self._roster.find(envelope.agent)
        parent = self._check_parent(entry, body, table)
        spec = entry.spec
        _, held = self._secrecy.checked(spec.secrets, bytes(body.input), spec.check)
        deadline = self._deadline(body, parent, now)
        attempts = max(body.attempts, spec.attempts)
        self._secrecy.hold(envelope.task, held)
        shown = self._secrecy.value(bytes(body.input))
        return Task(
            envelope.task,
            envelope.run,
            envelope.agent,
            body.parent,
            body.input,
            body.priority,
            body.fairness,
            body.key,
            attempts,
            body.attempt_timeout or spec.attempt_timeout,
            deadline,
            now,
            envelope.trace,
            ordinal=body.ordinal,
            digest=digest_of(shown) if body.ordinal else b"",
            withheld=is_withheld(shown),
        )

    def shown(self, agent: str, input: msgspec.Raw) -> bytes:
        """The input as it is written down; raises ``UnknownAgent``."""
        return self._secrecy.public(self._roster.find(agent).spec.secrets, bytes(input))

    def _check_input(self, envelope: Envelope, body: SubmitTask) -> None:
        size = len(bytes(body.input))
        if size > self._input_bytes:
            raise InvalidInput(
                f"the input for {envelope.agent!r} has {size:,} bytes, over the limit of "
                f"{self._input_bytes:,}: pass large data by reference, or raise limits.input_bytes"
            )

    def _check_room(self, table: TaskTable) -> None:
        if table.open >= self._open_tasks:
            raise InvalidInput(
                f"{table.open:,} tasks are open, the limit: wait for some to end, "
                "or raise limits.open_tasks"
            )

    def _check_parent(self, entry: Entry, body: SubmitTask, table: TaskTable) -> Task | None:
        """A child of an ended task has nobody to end it; one in a circle would wait for ever."""
        if not body.parent:
            return None
        parent = table.find(body.parent)
        if not parent.open or parent.ending is not None:
            raise InvalidInput(
                f"task {parent.id} has ended or is being ended: it takes no more children"
            )
        path = [entry.name]
        for above in table.lineage(parent.id):
            path.append(above.agent)
            if above.agent == entry.name and entry.places == 1:
                raise DeadlockDetected(tuple(reversed(path)))
        return parent

    def _deadline(self, body: SubmitTask, parent: Task | None, now: float) -> float | None:
        """The task's own end or its parent's, whichever comes first."""
        if body.deadline is not None and not body.deadline > 0:
            raise InvalidInput(
                f"deadline is {body.deadline}: it has to be a positive number of seconds"
            )
        own = None if body.deadline is None else now + body.deadline
        above = parent.deadline if parent is not None else None
        if own is None or above is None:
            return own if above is None else above
        return min(own, above)
