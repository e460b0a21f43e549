"""Calls of language models."""

from __future__ import annotations

from .base import Event

__all__ = ["LlmCalled", "LlmReturned"]


class LlmCalled(Event, frozen=True, tag="llm.called"):
    """A model call begins. The prompt itself is not recorded here.

    Where answers are recorded, ``prompt`` is a digest of all that the model was asked.
    """

    call: str
    model: str
    messages: int
    structured: bool = False
    prompt: str = ""


class LlmReturned(Event, frozen=True, tag="llm.returned"):
    """A model call ended; ``error`` is empty when it went well, else the name of the error's type.

    Where answers are recorded (``models.record``), ``text`` is what was streamed, ``pieces`` how many
    characters came at once, and ``cause`` the error's message: what a replay answers with.
    """

    call: str
    model: str
    seconds: float
    input_tokens: int = 0
    output_tokens: int = 0
    finish: str = ""
    error: str = ""
    cause: str = ""
    text: str = ""
    pieces: tuple[int, ...] | None = None
