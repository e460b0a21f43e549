"""The world of a replay: tools and models that answer as they did, each in its turn."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from typing import Any

from retinue.actors.answers import is_cut_off, raised, value_of
from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.messages import LlmCalled, LlmReturned

from .gates import Gates
from .ledger import Ledger
from .recording import Recording
from .virtual_loop import VirtualLoop

__all__ = ["Choose", "Haste", "World"]

AT_ONCE = 0.001
"""Seconds within which a model's whole answer is taken to have come without a wait between."""


Choose = Callable[[int, str], int]
"""``choose(n, task)`` gives one of ``n`` ways that the record leaves open.

``task`` is given where the way decides how soon the calls of its turn go ahead.
"""

_calling: ContextVar[str] = ContextVar("calling")


class Haste(Enum):
    """How soon calls go ahead: none of these times is in the record, only what came of them."""

    NONE = "when the turn has nothing else to do"
    SOME = "while the turn does something else"
    MOST = "at once"


class World:
    """Implements ``Answers``."""

    def __init__(
        self,
        recording: Recording,
        ledger: Ledger,
        gates: Gates,
        loop: VirtualLoop,
        choose: Choose,
        make_id: Callable[[str], str],
    ) -> None:
        """Nothing was asked yet."""
        self._haste: dict[str, Haste] = {}
        self._recording = recording
        self._ledger = ledger
        self._gates = gates
        self._loop = loop
        self._make_id = make_id
        self._choose = choose
        self._opened: dict[str, str] = {}
        self._recorded: dict[str, str] = {}
        self._at_once: dict[str, bool] = {}

    def turn_begins(self, task: str) -> None:
        """Another turn of the task: how soon its calls go ahead is open again."""
        haste = tuple(Haste)[self._choose(len(Haste), task)]
        self._haste.pop(task, None)
        if haste is not Haste.NONE:
            self._haste[task] = haste

    def is_in_haste(self, task: str) -> bool:
        """Whether calls of the task's turn go ahead while it does something else."""
        return task in self._haste

    def makes_most_haste(self, task: str) -> bool:
        """Whether they go ahead, and are answered, at once."""
        return self._haste.get(task) is Haste.MOST

    def in_haste(self) -> bool:
        """Whether any turn is."""
        return bool(self._haste)

    def turns_end(self) -> None:
        """No turn runs any more."""
        self._haste.clear()

    def make_id(self, kind: str) -> str:
        """An id for a call; the branch of the turn that asked for it remembers it."""
        made = self._make_id(kind)
        if kind == "c":
            _calling.set(made)
        return made

    def opened(self, task: str, draft: str, call: str) -> None:
        """The turn of ``task`` has written down that it makes a call, recorded as ``call``."""
        self._opened[task] = call
        self._recorded[draft] = call

    async def tool(self, name: str, context: Any) -> Any:
        """As ``Answers.tool``."""
        call = self._recorded[_calling.get()]
        task = self._recording.caller[call]
        if not (self.makes_most_haste(task) and self._answers_at_once(call, task, context)):
            await self._wait("answer", "", call, context)
        answer = self._recording.returned[call]
        if not answer.ok:
            raise raised(answer)
        return value_of(answer)

    def progress(self, event: Event, context: Any) -> None:
        """A tool says how far it is, or gives a piece of its output."""
        body = event.data  # not as ToolProgress: that would make floats of whole numbers
        if event.type == "tool.output":
            context.stream(body["value"])
            return
        context.progress(body["done"], body.get("total", 0.0), body.get("note", ""))

    def model_name(self, task: str) -> str:
        """As ``Answers.model_name``."""
        event = self._ledger.following("turn", task, "llm.called")
        return "" if event is None else decode(event.envelope.body, LlmCalled).model

    def asked(self, task: str) -> tuple[str, LlmReturned | None]:
        """As ``Answers.asked``."""
        call = self._opened.get(task, "")
        answer = self._recording.answered.get(call)
        if answer is not None and call not in self._at_once:
            likely = answer.seconds < AT_ONCE
            self._at_once[call] = likely if self._choose(2, "") == 0 else not likely
        return call, answer

    async def piece(self, task: str, call: str) -> None:
        """As ``Answers.piece``."""
        if not self._at_once.get(call):
            await self._wait("piece", task, call, None)

    async def _wait(self, kind: Any, task: str, call: str, context: Any) -> None:
        arrived: Any = self._loop.create_future()

        def arrive() -> None:
            if not arrived.done():
                arrived.set_result(None)

        self._gates.add(kind, task, arrive, call, context)
        await arrived

    def _answers_at_once(self, call: str, task: str, context: Any) -> bool:
        """Whether the call's answer is what its turn wrote next; how far it is is told on the way."""
        while (event := self._ledger.following("turn", task)) is not None:
            if event.data.get("call") != call:
                return False
            if event.type == "tool.returned":
                return not is_cut_off(self._recording.returned[call])
            self.progress(event, context)
        return False
