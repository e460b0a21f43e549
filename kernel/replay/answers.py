"""Recorded answers in the place of tools and models: given when the record says it is time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from retinue.actors.models import Models, RecordedModel
from retinue.actors.models import Turn as ModelTurn
from retinue.bus import errors
from retinue.bus.messages import LlmReturned, ToolReturned
from retinue.plugins import Tool
from retinue.plugins.llm.model import ChatModel, Delta, Message, ModelRefused, Schema, Usage
from retinue.plugins.secret import SecretFields

__all__ = [
    "AnsweredTool",
    "AnsweringModels",
    "Answers",
    "UncheckedTool",
    "error_of",
    "is_cut_off",
    "pieces_of",
]

_ERRORS: dict[str, type[Exception]] = {
    **{name: getattr(errors, name) for name in errors.__all__},
    "ModelRefused": ModelRefused,
    "ValueError": ValueError,
    "TypeError": TypeError,
    "KeyError": KeyError,
    "RuntimeError": RuntimeError,
    "TimeoutError": TimeoutError,
    "OSError": OSError,
    "ConnectionError": ConnectionError,
    "PermissionError": PermissionError,
    "FileNotFoundError": FileNotFoundError,
    "IndexError": IndexError,
    "LookupError": LookupError,
    "ZeroDivisionError": ZeroDivisionError,
}


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
        super().__init__({}, "", make_id, lambda: 0.0, record=True)
        self._answers = answers

    def for_turn(self, turn: ModelTurn, which: str | ChatModel | None) -> ChatModel:
        """As ``Models.for_turn``."""
        model = _AnsweringModel(self._answers, turn.task)  # type: ignore[attr-defined]
        return RecordedModel(model, turn, self._make_id, self._monotonic, self._public)


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


def pieces_of(answer: LlmReturned) -> list[Delta]:
    """The text in its pieces; what it cost, and how it ended, come with the last."""
    texts: list[str] = []
    start = 0
    pieces = answer.pieces or ()
    for size in pieces:
        texts.append(answer.text[start : start + size])
        start += size
    if texts and start < len(answer.text):
        texts[-1] += answer.text[start:]
    deltas = [Delta(text) for text in texts]
    ends = answer.finish or answer.input_tokens or answer.output_tokens
    if deltas and ends:
        counted = answer.input_tokens or answer.output_tokens
        usage = Usage(answer.input_tokens, answer.output_tokens) if counted else None
        deltas[-1] = Delta(deltas[-1].text, usage, answer.finish or None)
    return deltas


def value_of(answer: ToolReturned) -> Any:
    """The result as the tool gave it; as bare JSON where decoding would not give the same bytes."""
    value = msgspec.json.decode(answer.result)
    return value if msgspec.json.encode(value) == bytes(answer.result) else answer.result


def error_of(kind: str, cause: str) -> BaseException:
    """An error of that kind with that message: one of ours, a common one, or one by that name."""
    known = _ERRORS.get(kind, Exception)
    named = known if known.__name__ == kind and known is not KeyError else _named(kind, known)
    # Not called: some take parts from which they would make another message.
    error: BaseException = named.__new__(named)
    error.args = (cause,) if cause else ()
    if known is ModelRefused:
        error.__dict__.update(status=0, retry_after=None)
    return error


def _named(kind: str, base: type[Exception]) -> type[Exception]:
    """A type of that name; ``str`` of a ``KeyError`` would quote its message."""
    return type(kind, (base,), {"__str__": lambda self: str(self.args[0]) if self.args else ""})


def is_cut_off(answer: ToolReturned) -> bool:
    """Whether the call did not answer but was broken off: by a cancel, a deadline or an end."""
    if answer.ok:
        return False
    kind = answer.error.partition(":")[0]
    limit = f"DeadlineExceeded: {answer.tool} did not return within"
    return kind in ("CancelledError", "GeneratorExit") or answer.error.startswith(limit)


def raised(answer: ToolReturned) -> BaseException:
    """The error that a tool's answer tells, ``Kind: message``."""
    kind, _, cause = answer.error.partition(": ")
    return error_of(kind, cause)


def _anything(**arguments: Any) -> Any:
    """Never called."""
