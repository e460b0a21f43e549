"""``kernel.letters``: what found no reader, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from retinue.actors.runtime import ActorRef
from retinue.actors.task_messages import work
from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope
from retinue.bus.errors import InvalidInput, Unavailable
from retinue.bus.messages import MessagePurged, MessageRedriven, RunTask

from .asking.letters import Opened, envelope_of, letters, opened
from .asking.records import Letter
from .elements import commit
from .handles import TaskHandle
from .tree import Tree

__all__ = ["Letters"]


class Letters:
    """Dead letters of a running kernel: messages without a reader, and tasks that failed for good.

    Any thread may use it. What is redriven or purged leaves the list, and stays in the journal.
    """

    def __init__(self, tree: Tree, retry: Callable[[str], TaskHandle]) -> None:
        """``retry`` does an ended task once more."""
        self._tree = tree
        self._retry = retry

    def list(self, limit: int = 100, *, dealt: bool = False) -> list[Letter]:
        """The newest first; with ``dealt`` those too that were redriven or purged."""
        return letters(self._tree.store, dealt=dealt)[: -limit - 1 : -1]

    def open(self, id: str) -> Opened:
        """One letter with its payload; raises ``NotFound``."""
        return opened(self._tree.store, id)

    def redrive(self, id: str) -> str:
        """Do it again: the id of the new task, or the name of the actor that got the message.

        Raises ``NotFound``; ``InvalidInput`` for what was dealt with or cannot be sent again; and
        ``Unavailable`` when the message's recipient is not there.
        """
        letter = self._untouched(id)
        if letter.kind == "task":
            to = self._retry(letter.task).id
            commit(self._tree, MessageRedriven(id, to))
            return to
        message = envelope_of(self._tree.store, letter)
        reader = self._reader(letter)
        if message.type == "RunTask":
            message = self._attempt(letter, message)
        commit(self._tree, MessageRedriven(id, reader.name))  # first: it is sent once at most
        reader.tell(message)
        return reader.name

    def purge(self, id: str, reason: str) -> None:
        """Mark it as dealt with; raises ``NotFound``, and ``InvalidInput`` when it was before."""
        self._untouched(id)
        commit(self._tree, MessagePurged(id, reason))

    def _untouched(self, id: str) -> Letter:
        letter = self.open(id).letter
        if letter.dealt:
            raise InvalidInput(
                f"{id} was dealt with before ({letter.dealt}): nothing is left to do"
            )
        return letter

    def _reader(self, letter: Letter) -> ActorRef[object]:
        found = self._tree.system.find(letter.recipient)
        if found is None:
            agent = letter.recipient.removeprefix("agent:")
            start = (
                f"spawn the agent '{agent}'" if agent != letter.recipient else "restart the kernel"
            )
            raise Unavailable(
                f"{letter.id} cannot be sent again: '{letter.recipient}' is not there; {start}, or "
                f"`retinue dead purge {letter.id}`"
            )
        return found

    def _attempt(self, letter: Letter, message: Envelope) -> Envelope:
        """The command with its input; one whose attempt is over would run for nothing, or twice."""
        task = self._tree.table.tasks.get(message.task)
        attempt = decode(message.body, RunTask).attempt
        if task is None or not task.open or task.attempt != attempt:
            raise InvalidInput(
                f"{letter.id} cannot be sent again: attempt {attempt} of {message.task} is over; "
                f"`retinue tasks retry {message.task}` does the task anew"
            )
        command = self._tree.scribe.write(work(task))
        return msgspec.structs.replace(message, body=command.body)
