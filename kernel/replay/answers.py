"""Recorded answers in the place of tools and models: given when the record says it is time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from retinue.actors.answers import error_of, pieces_of
from retinue.actors.models import Models, RecordedModel
from retinue.actors.models import Turn as ModelTurn
from retinue.actors.secrecy import Secrecy
from retinue.bus.messages import LlmReturned
from retinue.plugins import Tool
from retinue.plugins.llm.model import ChatModel, Delta, Message, Schema
from retinue.plugins.secret import SecretFields

__all__ = ["AnsweredTool", "AnsweringModels", "Answers", "UncheckedTool"]


class Answers(Protocol):
    """Where recorded answers come from: the replay, which lets each out at its moment."""

    def tool(self, name: str, context: Any) -> Awaitable[Any]:
        """The answer to the call that was just made; raises what was recorded as its error."""

    def model_name(self, task: str) -> str:
        """What the model was called that the task is about to ask."""

    def piece(self, task: str, call: str) -> Awaitable[None]:
        """Returns when it is time for the next piece of a model's answer."""

    def asked(self, task: str) -> tuple[str, LlmReturned | None]:
        """The model's call that the task just made, and its answer."""


class AnsweredTool(Tool):
    """A tool whose arguments are checked as ever, and whose answer is the recorded one."""

    def __init__(self, tool: Tool, answers: Answers) -> None:
        """``tool`` is the real one; its function is never called."""
        self.__dict__.update(tool.__dict__)
        self.is_async = True
        self._answers = answers

    def call(self, checked: Mapping[str, Any], ctx: Any = None) -> Any:
        """Awaitable: what was recorded."""
        return self._answers.tool(self.name, ctx)


class UncheckedTool(AnsweredTool):
    """A tool whose code is not here: it takes any arguments."""

    def __init__(self, name: str, effect: Any, answers: Answers) -> None:
        """``effect`` as recorded."""
        super().__init__(Tool(_anything, name=name, effect=effect), answers)

    @property
    def secrets(self) -> SecretFields:
        """None that are known: what was secret was replaced before it was recorded."""
        return SecretFields({})


class AnsweringModels(Models):
    """Models that are all the record: whichever an agent asks for, it answers."""

    def __init__(self, answers: Answers, make_id: Callable[[str], str]) -> None:
        """``make_id`` makes the ids of calls."""
        super().__init__({}, "", make_id, lambda: 0.0, Secrecy())
        self._answers = answers

    def for_turn(self, turn: ModelTurn, which: str | ChatModel | None) -> ChatModel:
        """As ``Models.for_turn``."""
        model = _AnsweringModel(self._answers, turn.task)  # type: ignore[attr-defined]
        return RecordedModel(model, turn, self._make_id, self._monotonic, self._secrecy)


class _AnsweringModel:
    """A ``ChatModel`` that says again what was recorded, in the same pieces."""

    def __init__(self, answers: Answers, task: str) -> None:
        self._answers = answers
        self._task = task
        self._name = ""

    @property
    def name(self) -> str:
        self._name = self._answers.model_name(self._task) or self._name
        return self._name

    def stream(
        self, messages: Sequence[Message], *, schema: Schema | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        call, answer = self._answers.asked(self._task)
        return self._stream(call, answer)

    async def _stream(self, call: str, answer: LlmReturned | None) -> AsyncGenerator[Delta, None]:
        for delta in () if answer is None else pieces_of(answer):
            await self._answers.piece(self._task, call)
            yield delta
        await self._answers.piece(self._task, call)
        if answer is not None and answer.error:
            raise error_of(answer.error, answer.cause)


def _anything(**arguments: Any) -> Any:
    """Never called."""
