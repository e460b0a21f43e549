"""The port to a language model: what is said to it, and what streams back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from retinue.bus.errors import ModelError

__all__ = [
    "ChatModel",
    "Completion",
    "Delta",
    "Message",
    "ModelRefused",
    "Role",
    "Schema",
    "ToolChoice",
    "ToolSpec",
    "Usage",
]

Role = Literal["system", "user", "assistant"]
Schema = Mapping[str, Any]  # a JSON Schema, as JSON objects


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class Usage(msgspec.Struct, frozen=True):
    """What a call cost, in the model's own tokens."""

    input_tokens: int
    output_tokens: int


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of an answer. ``usage`` and ``finish`` come once, at or near the end.

    ``finish`` is ``stop`` for a whole answer and ``length`` for one cut at ``max_tokens``.
    """

    text: str = ""
    usage: Usage | None = None
    finish: str | None = None


class Completion(msgspec.Struct, frozen=True):
    """A whole answer. ``usage`` is None where the model does not count."""

    text: str
    usage: Usage | None
    finish: str | None


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as a model is told of it; ``parameters`` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolChoice(msgspec.Struct, frozen=True):
    """The tool a model chose, and the arguments it wrote."""

    tool: str
    args: dict[str, Any]


class ChatModel(Protocol):
    """A model that answers a conversation, piece by piece, on the caller's event loop."""

    @property
    def name(self) -> str:
        """What errors, events and spans call this model."""

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
        """Answer ``messages``; text that follows ``schema`` when one is given.

        Closing the generator, or cancelling the task that reads it, stops the generation.
        Raises ModelError when the endpoint refuses or breaks off, DeadlineExceeded when it
        stays silent for longer than the model's budget, Unavailable when it is not there.
        """


class ModelRefused(ModelError):
    """The endpoint answered with an error status. Not raised for a stream that broke off.

    ``status`` is the HTTP status; ``retry_after`` the seconds it asked to wait, or None.
    """

    def __init__(self, message: str, *, status: int, retry_after: float | None = None) -> None:
        """``message`` names the model, the status and what it said."""
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
