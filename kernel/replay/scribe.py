"""The scribe of a replay: what it writes takes the id and the moment of what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from retinue.actors.scribe import Committed, Scribe
from retinue.bus.clock import Clock
from retinue.bus.codec import decode, encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.ids import Ids
from retinue.bus.messages import TERMINAL_TASK, EventBody, Message, RunTask

from .ledger import Entry, Ledger
from .recording import producer_of

__all__ = ["ReplayScribe", "Written"]

_OPENING = ("tool.called", "llm.called")
_CLOSING = ("tool.returned", "llm.returned")


class Written(Protocol):
    """Who is told of what the scribe wrote."""

    def opened(self, task: str, draft: str, call: str) -> None:
        """A call of a tool or a model was written down: ``draft`` is its id here, ``call`` was."""

    def appended(self, entries: Sequence[Entry], then: Committed | None) -> None:
        """These are to be committed, in this order; ``then`` follows."""


class ReplayScribe(Scribe):
    """Ids and moments are not worked out again: they come from the event that a new one stands for.

    What the kernel's actors write is claimed as it is written, since the next event's cause is this
    one's id; what turns write, when it is appended: a turn that is over appends nothing.
    """

    def __init__(self, ledger: Ledger, clock: Clock, written: Written) -> None:
        """``clock`` gives the moment of the recorded event that is next."""
        self.muted = False
        super().__init__(Ids("replayed"), clock, self)  # type: ignore[arg-type]  # never told
        self._ledger = ledger
        self._written = written
        self._drafts: dict[str, EventBody] = {}
        self._calls: dict[str, str] = {}

    def tell(self, message: Any) -> None:
        """Nothing is sent to a journal."""

    def write(
        self,
        body: Message,
        run: str = "",
        task: str = "",
        agent: str = "",
        cause: str = "",
        trace: str = "",
        at: float | None = None,
    ) -> Envelope:
        """As ``Scribe.write``."""
        draft = super().write(body, run, task, agent, cause, trace, at)
        if self.muted or not isinstance(body, EventBody):
            return self._command(draft, body)
        producer = producer_of(draft.type)
        if producer in ("turn", "outside"):
            self._drafts[draft.id] = body
            return draft
        entry = self._ledger.claim(producer, task, _as_recorded(draft, at), lambda: draft)
        return draft if entry is None or entry.made is None else entry.made

    def append(self, envelopes: Sequence[Envelope], then: Committed | None = None) -> None:
        """As ``Scribe.append``."""
        if self.muted:
            return
        envelopes = [
            one for one in envelopes if one.type != "security.denied"
        ]  # told by the record
        found = [self._entry(envelope) for envelope in envelopes]
        entries = [entry for entry in found if entry is not None]
        if len(entries) == len(envelopes):
            self._written.appended(entries, then)

    def _command(self, draft: Envelope, body: Message) -> Envelope:
        """A command is not recorded; the id that it had is its first consequence's cause."""
        if not isinstance(body, RunTask):
            return draft
        begun = self._ledger.following("agent", draft.task, "task.running")
        first = begun or self._ledger.following("orchestrator", draft.task, *TERMINAL_TASK)
        return draft if first is None else _with_id(draft, first.envelope.cause)

    def _entry(self, envelope: Envelope) -> Entry | None:
        body = self._drafts.pop(envelope.id, None)
        if body is None:
            return self._ledger.entry_of(envelope)
        entry = self._ledger.claim(
            "turn", envelope.task, self._step(envelope, body), lambda: envelope, _strand()
        )
        if entry is not None and entry.event.type in _OPENING:
            draft, call = getattr(body, "call", ""), _call_of(entry.event)
            self._calls[draft] = call
            self._written.opened(envelope.task, draft, call)
        return entry

    def _step(self, draft: Envelope, body: EventBody) -> Callable[[Event], Envelope]:
        """A turn's step with what was drawn or measured taken from the record: ids, durations."""
        changes: dict[str, Any] = {}
        call = getattr(body, "call", None)
        if call is not None:
            changes["call"] = self._calls.get(call, call)

        def make(event: Event) -> Envelope:
            own = dict(changes)
            if event.type == draft.type and draft.type in _OPENING:
                own["call"] = _call_of(event)
            if event.type == draft.type == "tool.called":
                own["rule"] = event.data.get("rule", "")  # the operator's policy is not replayed
            if event.type == draft.type == "llm.called" and "prompt" not in event.data:
                own["prompt"] = ""  # recorded before there were digests
            if event.type == draft.type and draft.type in _CLOSING:
                own["seconds"] = decode(event.envelope.body, _Measured).seconds
            fixed = msgspec.structs.replace(body, **own) if own else body
            return msgspec.structs.replace(draft, id=event.id, time=event.time, body=encode(fixed))

        return make


class _Call(msgspec.Struct):
    call: str


class _Measured(msgspec.Struct):
    seconds: float


def _call_of(event: Event) -> str:
    return decode(event.envelope.body, _Call).call


def _as_recorded(draft: Envelope, at: float | None) -> Callable[[Event], Envelope]:
    """The draft with a recorded id, and its moment unless the decision gave its own."""

    def make(event: Event) -> Envelope:
        moment = event.time if at is None else at
        return msgspec.structs.replace(draft, id=event.id, time=moment)

    return make


def _with_id(draft: Envelope, id: str) -> Envelope:
    return msgspec.structs.replace(draft, id=id or draft.id)


def _strand() -> int:
    """Which branch of a turn is running: its asyncio task."""
    try:
        return id(asyncio.current_task())
    except RuntimeError:
        return 0
