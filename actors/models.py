"""The kernel's language models: made when first asked for, closed with the kernel, written down."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol

from retinue.bus.errors import NotFound
from retinue.bus.messages import EventBody, LlmCalled, LlmReturned
from retinue.plugins.host.failures import message_of, one_line
from retinue.plugins.llm.model import ChatModel, Delta, Message, Schema

from .answers import error_of, pieces_of
from .secrecy import Secrecy
from .transcript import Transcript, digest_of

__all__ = ["Models", "RecordedModel"]


class Turn(Protocol):
    """On whose behalf a model is called."""

    step: str
    progressed: float

    def emit(self, body: EventBody) -> None:
        """Write a step down."""

    def said(self, prompt: str) -> LlmReturned | None:
        """The recorded answer that stands for this call; ``None``: the model has to be asked."""


class Models:
    """Models by name; ``factories`` make each at its first use. Any thread may use it."""

    def __init__(
        self,
        factories: Mapping[str, Callable[[], ChatModel]],
        default: str,
        make_id: Callable[[str], str],
        monotonic: Callable[[], float],
        secrecy: Secrecy | None = None,
    ) -> None:
        """``default`` is the model of an agent that asks for none.

        With ``secrecy`` answers are recorded, and what it knows to be secret is replaced in them.
        """
        self._factories = dict(factories)
        self._default = default
        self._make_id = make_id
        self._monotonic = monotonic
        self._secrecy = secrecy
        self._lock = threading.Lock()
        self._made: dict[str, ChatModel] = {}

    def find(self, name: str) -> ChatModel:
        """The model of that name; raises ``NotFound``, or what making it raises."""
        with self._lock:
            model = self._made.get(name)
            if model is None:
                factory = self._factories.get(name)
                if factory is None:
                    raise NotFound(
                        f"no model is named {name!r}: there are {', '.join(sorted(self._factories))}"
                    )
                model = self._made[name] = factory()
            return model

    def for_turn(self, turn: Turn, which: str | ChatModel | None) -> ChatModel:
        """The model whose calls become events of the turn; ``None`` stands for the default."""
        model = self.find(which or self._default) if isinstance(which, str | None) else which
        return RecordedModel(model, turn, self._make_id, self._monotonic, self._secrecy)

    def close(self) -> None:
        """Close those models that hold something; raises what the last failing one raised."""
        with self._lock:
            made = list(self._made.values())
            self._made.clear()
            self._factories.clear()
        failed: Exception | None = None
        for model in made:
            close = getattr(model, "close", None)
            try:
                if close is not None:
                    close()
            except Exception as error:  # noqa: BLE001 - the others are closed first
                failed = error
        if failed is not None:
            raise failed


class RecordedModel:
    """A model that writes down each call's begin and end, and its answer if asked to, in the turn."""

    def __init__(
        self,
        model: ChatModel,
        turn: Turn,
        make_id: Callable[[str], str],
        monotonic: Callable[[], float],
        secrecy: Secrecy | None,
    ) -> None:
        """As ``Models``."""
        self._model = model
        self._turn = turn
        self._make_id = make_id
        self._monotonic = monotonic
        self._secrecy = secrecy

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._model.name

    async def stream(
        self, messages: Sequence[Message], *, schema: Schema | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """See ``ChatModel``."""
        call, secrecy = self._make_id("l"), self._secrecy
        asked = [list(messages), schema, options]
        prompt = "" if secrecy is None else digest_of(asked, secrecy)
        self._turn.emit(LlmCalled(call, self.name, len(messages), schema is not None, prompt))
        before, self._turn.step = self._turn.step, f"model {self.name}"
        started = self._monotonic()
        inputs = outputs = 0
        finish = error = cause = text = ""
        pieces: tuple[int, ...] | None = None
        transcript = None if secrecy is None else Transcript(secrecy.secrets)
        told = self._turn.said(prompt)
        stream = (
            self._model.stream(messages, schema=schema, **options) if told is None else _again(told)
        )
        try:
            async for delta in stream:
                self._turn.progressed = self._monotonic()
                if delta.usage is not None:
                    inputs, outputs = delta.usage.input_tokens, delta.usage.output_tokens
                finish = delta.finish or finish
                if transcript is not None:
                    transcript.add(delta.text)
                yield delta
        except BaseException as raised:
            error = type(raised).__name__
            cause = "" if secrecy is None else one_line(secrecy.text(message_of(raised)))
            raise
        finally:
            await stream.aclose()
            self._turn.step = before
            seconds = self._monotonic() - started
            if transcript is not None:
                text, pieces = transcript.end()
            self._turn.emit(
                LlmReturned(
                    call, self.name, seconds, inputs, outputs, finish, error, cause, text, pieces
                )
            )


async def _again(told: LlmReturned) -> AsyncGenerator[Delta, None]:
    """What a model answered before, in the same pieces."""
    for delta in pieces_of(told):
        yield delta
    if told.error:
        raise error_of(told.error, told.cause)
