"""What an agent's process asks of its turn's port, carried out on the agents' loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from retinue.bus.codec import decode, encode, encode_value
from retinue.bus.errors import InvalidInput
from retinue.bus.messages import AgentProgress, AgentText, AgentThought, EventBody, type_of
from retinue.plugins.host.frames import Ask, Step
from retinue.plugins.llm.model import Message
from retinue.plugins.port import TurnPort

from .cells import Door

__all__ = ["event_of", "serve"]

Send = Callable[[bytes], None]

# An agent reports its own steps; all other events are the kernel's to write.
_STEPS = {type_of(kind): kind for kind in (AgentThought, AgentText, AgentProgress)}


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    tool: str
    args: dict[str, Any]


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    params: msgspec.Raw


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    priority: int | None
    deadline: float | None
    key: str


class _Submit(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    input: dict[str, Any]
    options: _Options


class _Result(msgspec.Struct, forbid_unknown_fields=True):
    task: str


class _Cancel(msgspec.Struct, forbid_unknown_fields=True):
    task: str
    reason: str


class _Stream(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None
    messages: list[Message]
    options: dict[str, Any]


async def serve(port: TurnPort, door: Door, ask: Ask, chunk: Send) -> bytes:
    """The JSON of the answer; the pieces of a stream go to ``chunk``. Raises what the port raises."""
    if ask.method == "host":
        asked = decode(ask.args, _Asked)
        return await door(asked.method, bytes(asked.params))
    if ask.method == "stream":
        return await _stream(port, ask.args, chunk)
    serves = _METHODS.get(ask.method)
    if serves is None:
        raise InvalidInput(
            f"'{ask.method}' is no method of a turn's port; use {', '.join(_METHODS)}, host, stream"
        )
    return await serves(port, ask.args)


def event_of(step: Step) -> EventBody:
    """The event that an agent reports; raises ``CodecError``, and ``InvalidInput`` for others' events."""
    if step.event not in _STEPS:
        raise InvalidInput(
            f"'{step.event}' is not an agent's to report; these are: {', '.join(_STEPS)}"
        )
    return decode(step.body, _STEPS[step.event])


async def _call(port: TurnPort, args: bytes) -> bytes:
    wanted = decode(args, _Call)
    return encode_value(await port.call(wanted.tool, wanted.args), f"the result of {wanted.tool}")


async def _submit(port: TurnPort, args: bytes) -> bytes:
    wanted = decode(args, _Submit)
    options = wanted.options
    task = await port.submit(
        wanted.agent,
        wanted.input,
        priority=options.priority,
        deadline=options.deadline,
        key=options.key,
    )
    return encode(task)


async def _result(port: TurnPort, args: bytes) -> bytes:
    task = decode(args, _Result).task
    return encode_value(await port.result(task), f"the result of task {task}")


async def _cancel(port: TurnPort, args: bytes) -> bytes:
    wanted = decode(args, _Cancel)
    await port.cancel(wanted.task, wanted.reason)
    return b"null"


async def _stream(port: TurnPort, args: bytes, chunk: Send) -> bytes:
    wanted = decode(args, _Stream)
    deltas = port.model(wanted.model).stream(wanted.messages, **wanted.options)
    try:
        async for delta in deltas:
            chunk(encode(delta))
    finally:
        await deltas.aclose()
    return b"null"


_METHODS: dict[str, Callable[[TurnPort, bytes], Awaitable[bytes]]] = {
    "call": _call,
    "submit": _submit,
    "result": _result,
    "cancel": _cancel,
}
