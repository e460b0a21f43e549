"""Submitting: from a program's values to an accepted task and its handle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import msgspec

from retinue.actors.runtime import Future
from retinue.actors.scheduling.policies import DEFAULT
from retinue.bus.codec import decode, encode_value
from retinue.bus.envelope import Envelope
from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.journal import Filter
from retinue.bus.journal.retold import Retold
from retinue.bus.messages import SubmitTask, TaskSubmitted

from .calling import permit
from .handles import TaskHandle
from .tree import Tree

__all__ = ["Options", "Submission", "handle_of", "resubmission", "submission"]


class Options(TypedDict, total=False):
    """How a task is to be done; what each means stands at ``Kernel.submit``."""

    priority: int
    deadline: float | None
    key: str | None
    parent: str | None
    fairness: str
    attempts: int


class Submission:
    """One ``submit``: sent at once, accepted when ``handle`` returns."""

    def __init__(self, tree: Tree, agent: str, body: SubmitTask, run: str = "") -> None:
        """Register who waits for the result before anybody can produce it; ``run`` for a new run."""
        permit(tree.policy, tree.say, "submit", agent)
        self._tree = tree
        self._task = tree.ids.make("t")
        self._run = tree.table.find(body.parent).run if body.parent else run or tree.ids.make("r")
        self._root = not body.parent
        self._start = tree.store.last
        self._ended = tree.completions.watch(self._task)
        command = tree.scribe.write(body, self._run, self._task, agent)
        self._inside = 0
        self.accepted: Future[str] = self._send(command)

    def handle(self, timeout: float) -> TaskHandle:
        """Wait until the task is accepted, and committed; raises what refuses it."""
        try:
            accepted = self.accepted.get(timeout=timeout)
        except BaseException:
            self.give_up()
            raise
        return self.accepted_as(accepted)

    def accepted_as(self, task: str) -> TaskHandle:
        """The handle, once ``accepted`` gave the task's id."""
        self._leave()
        if task != self._task:
            self._tree.completions.forget(self._task)
            return handle_of(self._tree, task)
        return TaskHandle(self._tree, task, self._run, self._start, self._ended, root=self._root)

    def give_up(self) -> None:
        """Nobody waits for the acceptance any more."""
        self._leave()
        self._tree.completions.forget(self._task)

    def _send(self, command: Envelope) -> Future[str]:
        try:
            self._tree.inflow.enter(len(command.body))
            self._inside = len(command.body)
            sent: Future[str] = self._tree.orchestrator.ask(command, block=False)
        except BaseException:
            self.give_up()
            raise
        return sent

    def _leave(self) -> None:
        if self._inside:
            self._tree.inflow.leave(self._inside)
            self._inside = 0


def submission(agent: str, input: Mapping[str, Any], options: Options) -> SubmitTask:
    """The command, its input encoded; raises ``InvalidInput`` for what JSON cannot carry."""
    return SubmitTask(
        msgspec.Raw(encode_value(dict(input), f"the input for {agent!r}")),
        options.get("priority", DEFAULT),
        options.get("deadline"),
        options.get("key") or "",
        options.get("parent") or "",
        options.get("attempts", 1),
        None,
        options.get("fairness", ""),
    )


def handle_of(tree: Tree, task: str) -> TaskHandle:
    """A handle of a task that is known; raises ``NotFound``."""
    record = tree.table.find(task)
    ended = tree.completions.watch(task)
    known = tree.ended(task)
    if known is not None:
        tree.completions.forget(task)
        ended = Future()
        ended.set(known)
    else:
        tree.table.find(
            task
        )  # again: it may have been forgotten, with its end, since the first look
    return TaskHandle(tree, task, record.run, 0, ended, root=not record.parent)


def resubmission(tree: Tree, task: str) -> tuple[str, SubmitTask]:
    """The agent and the command that do an ended task once more; raises ``NotFound``."""
    record = tree.table.find(task)
    only = Filter(run=record.run, task=task, types=("task.submitted",))
    event = next(Retold(tree.store).read(0, only), None)
    if event is None:
        raise NotFound(f"the input of task {task!r} is no longer kept: submit it anew")
    was = decode(event.envelope.body, TaskSubmitted)
    if was.withheld:
        raise InvalidInput(
            f"task {task!r} cannot be done once more: its input held a secret, which is not kept "
            "once it ended; submit it anew"
        )
    return record.agent, SubmitTask(
        was.input, was.priority, None, "", "", was.attempts, was.attempt_timeout, was.fairness
    )
