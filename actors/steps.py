"""What a turn writes down: its steps, in order, until it is over, and no flood of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import KernelClosed, MailboxFull
from retinue.bus.messages import AgentText, Message

from .runtime import Future
from .runtime.future import VALUE
from .scribe import Committed, Scribe
from .speech import Speech

__all__ = ["MAX_UNCOMMITTED", "Mirrored", "Steps"]

MAX_UNCOMMITTED = 10_000
"""Steps that one turn may be ahead of the journal: a flood ends the turn, not the kernel."""

Mirrored = Callable[[int], "Future[bool] | None"]
"""When observers were told of the event with that ``seq``; ``None``: nobody needs to wait."""


class Steps:
    """The events of one task's turn, or of an operator's call. Any thread may use it."""

    __slots__ = (
        "_agent", "_cause", "_closed", "_committed", "_emitted", "_lock", "_mirrored", "_run",
        "_scribe", "_speech", "_task", "_trace",
    )  # fmt: skip

    def __init__(
        self,
        scribe: Scribe,
        mirrored: Mirrored,
        run: str = "",
        task: str = "",
        agent: str = "",
        cause: str = "",
        trace: str = "",
    ) -> None:
        """The names go into each event's header."""
        self._scribe = scribe
        self._mirrored = mirrored
        self._run, self._task, self._agent = run, task, agent
        self._cause, self._trace = cause, trace
        self._lock = threading.Lock()
        self._closed = False
        self._emitted = 0
        self._committed = 0
        self._speech: Speech | None = None

    def write(self, body: Message) -> Envelope:
        """The body in an envelope with this turn's names."""
        return self._scribe.write(
            body, self._run, self._task, self._agent, self._cause, self._trace
        )

    def emit(self, body: Message, then: Committed | None = None) -> None:
        """Have the step committed. Raises ``MailboxFull`` when the turn floods the journal.

        Of a text the end may be held back until more of it comes, while there are secrets. ``then``
        is called with any other step once it is committed, on the journal's thread.
        """
        if body.__class__ is AgentText and (self._scribe.secrets.any or self._speech):
            self._say(body)
        elif then is None:
            self._append(self.write(body), self._count)
        else:
            self._append(self.write(body), partial(self._counted, then))

    def remark(self, body: Message) -> None:
        """Have committed what the kernel itself says of the turn; nothing once it is over."""
        event = self.write(body)
        with self._lock:
            if not self._closed:
                self._scribe.append((event,))

    async def told(self, body: Message) -> None:
        """Have the step committed; returns when it is, and observers had their chance to see it."""
        committed: Future[int] = Future()

        def then(events: Sequence[Event]) -> None:
            self._committed += 1
            committed.settle(VALUE, events[0].seq)

        if not self._append(self.write(body), then):
            raise KernelClosed("the turn is over: it takes no more steps")
        mirrored = self._mirrored(await committed)
        if mirrored is not None:
            await mirrored

    def close(self) -> None:
        """Discard whatever is still emitted by code that did not stop."""
        if self._speech is not None:
            with suppress(MailboxFull):  # the turn ends because it floods the journal
                self._speech.end()
        with self._lock:
            self._closed = True

    def _say(self, text: AgentText) -> None:
        with self._lock:
            speech = self._speech = self._speech or Speech(self._scribe.secrets, self._spoken)
        speech.add(text.delta)

    def _spoken(self, text: AgentText) -> None:
        self._append(self.write(text), self._count)

    def _append(self, event: Envelope, then: Committed) -> bool:
        with self._lock:
            if self._closed:
                return False
            if self._emitted - self._committed >= MAX_UNCOMMITTED:
                raise MailboxFull(
                    f"agent {self._agent!r} is {MAX_UNCOMMITTED:,} steps ahead of the journal: "
                    "emit less, or await between steps"
                )
            self._emitted += 1
            self._scribe.append((event,), then)
            return True

    def _counted(self, then: Committed, events: Sequence[Event]) -> None:
        self._count(events)
        then(events)

    def _count(self, events: Sequence[Event]) -> None:
        self._committed += 1
