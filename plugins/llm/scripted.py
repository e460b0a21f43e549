"""A model that says what it was told to say: for tests, demos and replays."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Self, TypeAlias

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import ModelError

from .deadlines import Budget, pause, within
from .model import Delta, Message, Schema, Usage

__all__ = ["Answer", "Call", "ScriptedModel", "read_recording"]


class Call(msgspec.Struct, frozen=True):
    """What the model was asked."""

    messages: tuple[Message, ...]
    schema: Schema | None
    max_tokens: int
    temperature: float
    seed: int
    stop: tuple[str, ...]


Said: TypeAlias = "str | BaseException | Sequence[Delta]"
Answer: TypeAlias = "Said | Callable[[Call], Said]"


class ScriptedModel:
    """Answers its calls with ``answers``, in order, and keeps what it was asked in ``calls``.

    An answer is a text (streamed word by word), deltas (streamed as they are), an exception
    (raised before any text), or a function of the Call that returns one of these.
    Any thread and any loop may call it.
    """

    def __init__(
        self,
        answers: Iterable[Answer],
        *,
        name: str = "scripted",
        delay: float = 0.0,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """``delay`` is the seconds of ``clock`` before each piece."""
        self.name = name
        self.calls: list[Call] = []
        self._answers = list(answers)
        self._delay = delay
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def replay(cls, *recordings: Path, name: str = "scripted") -> Self:
        """Answer with recorded streams, piece by piece as they came; see ``read_recording``."""
        return cls([read_recording(path) for path in recordings], name=name)

    def __repr__(self) -> str:
        return f"<ScriptedModel {self.name} {len(self.calls)} of {len(self._answers)} said>"

    def stream(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Delta, None]:
        """See ChatModel. Raises ModelError when the script has come to its end."""
        call = Call(tuple(messages), schema, max_tokens, temperature, seed, tuple(stop))
        return within(self._stream(call), model=self.name, budget=self._budget, clock=self._clock)

    async def _stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        for delta in self._deltas(call):
            if self._delay:
                await pause(self._clock, self._delay)
            yield delta

    def _deltas(self, call: Call) -> Sequence[Delta]:
        answer = self._next(call)
        said = answer(call) if callable(answer) else answer
        if isinstance(said, BaseException):
            raise said
        return _pieces(call, said) if isinstance(said, str) else said

    def _next(self, call: Call) -> Answer:
        with self._lock:
            asked = len(self.calls)
            if asked >= len(self._answers):
                raise ModelError(
                    f"model {self.name!r} has a script of {asked} answers and was asked for one "
                    "more; give it that answer"
                )
            self.calls.append(call)
            return self._answers[asked]


def read_recording(path: Path) -> list[Delta]:
    """The deltas of a recorded stream: one as JSON on each line. Lines with ``#`` are notes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Delta) for line in lines if not line.startswith("#")]


def _pieces(call: Call, text: str) -> list[Delta]:
    words = re.findall(r"\s*\S+|\s+$", text)
    asked = sum(len(message.content.split()) for message in call.messages)
    return [*map(Delta, words), Delta(usage=Usage(asked, len(words)), finish="stop")]
