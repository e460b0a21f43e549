"""Whole answers, typed answers and tool choices, over any ChatModel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from retinue.bus.errors import InvalidInput, ModelError

from .model import ChatModel, Completion, Message, Schema, ToolChoice, ToolSpec, Usage
from .parsing import first_json

__all__ = ["choose_tool", "complete", "schema_of", "structured"]

T = TypeVar("T")


async def complete(
    model: ChatModel,
    messages: Sequence[Message],
    *,
    schema: Schema | None = None,
    max_tokens: int = 512,
    temperature: float = 0.0,
    seed: int = 0,
    stop: Sequence[str] = (),
) -> Completion:
    """The whole answer of ``model``; raises what its stream raises."""
    texts: list[str] = []
    usage: Usage | None = None
    finish: str | None = None
    stream = model.stream(
        messages,
        schema=schema,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        stop=stop,
    )
    async with aclosing(stream):
        async for delta in stream:
            texts.append(delta.text)
            usage = delta.usage or usage
            finish = delta.finish or finish
    return Completion("".join(texts), usage, finish)


async def structured(
    model: ChatModel,
    messages: Sequence[Message],
    type: type[T],
    *,
    schema: Schema | None = None,
    check: Callable[[T], None] | None = None,
    max_tokens: int = 512,
    temperature: float = 0.0,
    seed: int = 0,
) -> T:
    """The answer as a ``type``, whose JSON Schema the model is told to follow.

    ``schema`` replaces the one made from ``type``; ``check`` raises ValueError on a value that
    decodes and still will not do. An answer out of form is shown to the model once, with what
    is wrong with it; a second one, or one cut at ``max_tokens``, raises ModelError.
    """
    schema = schema_of(type) if schema is None else schema
    opens = "[" if schema.get("type") == "array" else "{"
    asked = list(messages)
    for last in (False, True):
        answer = await complete(
            model, asked, schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed
        )
        try:
            return _decode(first_json(answer.text, opens), type, check)
        except ValueError as error:
            if last or answer.finish == "length":
                raise _out_of_form(model, answer, error, max_tokens) from error
            asked = [*messages, *_repair(answer.text, error)]
    raise AssertionError("unreachable: the second try returns or raises")


async def choose_tool(
    model: ChatModel,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    *,
    max_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
) -> ToolChoice:
    """The one of ``tools`` that ``model`` would call, and its arguments.

    Works through a JSON Schema, so also with models whose native tool calls do not work.
    Raises ModelError when it names no tool of these or leaves out a required argument.
    """
    if not tools:
        raise InvalidInput("choose_tool: no tools to choose from; give at least one ToolSpec")
    return await structured(
        model,
        [_offer(tools), *messages],
        ToolChoice,
        schema=_choice_schema(tools),
        check=lambda choice: _fits(choice, tools),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
    )


def schema_of(type: Any) -> dict[str, Any]:
    """The JSON Schema of a msgspec type, with the root in place instead of behind a ``$ref``.

    Endpoints want an object at the root, and models follow field order.
    """
    schema = msgspec.json.schema(type)
    reference = schema.get("$ref", "")
    definitions = dict(schema.get("$defs", {}))
    name = reference.removeprefix("#/$defs/")
    if not reference or name not in definitions:
        return schema
    root = dict(definitions[name])
    if reference in _references(definitions):
        return root | {"$defs": definitions}
    del definitions[name]
    return root | {"$defs": definitions} if definitions else root


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()


def _decode(text: str, type: type[T], check: Callable[[T], None] | None) -> T:
    value = msgspec.json.decode(text, type=type)
    if check is not None:
        check(value)
    return value


def _repair(text: str, error: ValueError) -> list[Message]:
    return [
        Message("assistant", text),
        Message("user", f"That is not in the form asked for: {error}. Answer with the JSON only."),
    ]


def _out_of_form(
    model: ChatModel, answer: Completion, error: ValueError, max_tokens: int
) -> ModelError:
    why = f"cut at max_tokens={max_tokens}; allow more" if answer.finish == "length" else str(error)
    return ModelError(f"model {model.name!r} answered out of form: {why}: {answer.text[:200]!r}")


def _offer(tools: Sequence[ToolSpec]) -> Message:
    lines = [f"- {tool.name}: {tool.description}" for tool in tools]
    return Message("system", "\n".join(["Choose the one tool that helps. Tools:", *lines]))


def _choice_schema(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    return (
        {"oneOf": [_call_schema(tool) for tool in tools]} if tools[1:] else _call_schema(tools[0])
    )


def _call_schema(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"tool": {"const": tool.name}, "args": tool.parameters},
        "required": ["tool", "args"],
        "additionalProperties": False,
    }


def _fits(choice: ToolChoice, tools: Sequence[ToolSpec]) -> None:
    named = {tool.name: tool for tool in tools}
    if choice.tool not in named:
        raise ValueError(f"tool must be one of {', '.join(named)}")
    missing = set(named[choice.tool].parameters.get("required", ())) - choice.args.keys()
    if missing:
        raise ValueError(f"args of {choice.tool} lack {', '.join(sorted(missing))}")
