"""The OpenAI chat format, as far as it is spoken here: one request, many chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from .model import Delta, Message, Schema, Usage

__all__ = ["Chunk", "chat_request", "delta_of"]


def chat_request(
    model: str,
    messages: Sequence[Message],
    *,
    schema: Schema | None,
    max_tokens: int,
    temperature: float,
    seed: int,
    stop: Sequence[str],
) -> dict[str, Any]:
    """The body of a streaming request to ``/chat/completions``."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in messages],
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if stop:
        body["stop"] = list(stop)
    if schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(schema)},
        }
    return body


class _Text(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Text
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(msgspec.Struct):
    """One event of the stream; what is not listed is ignored. ``error`` ends the stream."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


def delta_of(chunk: Chunk) -> Delta | None:
    """What ``chunk`` adds to the answer, or None when it adds nothing."""
    choice = chunk.choices[0] if chunk.choices else None
    text = (choice.delta.content or "") if choice else ""
    finish = choice.finish_reason if choice else None
    usage = _usage(chunk.usage)
    if not text and usage is None and finish is None:
        return None
    return Delta(text, usage, finish)


def _usage(usage: _Usage | None) -> Usage | None:
    return Usage(usage.prompt_tokens, usage.completion_tokens) if usage else None
