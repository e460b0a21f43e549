"""``turn.*``: what an agent of a plugin's own asks for in its turn."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.errors import Denied, NotFound

from ..context import ChildTask
from ..hosting.calls import CallContext
from ..hosting.turns import TurnDoor
from ..llm.model import Delta, Message
from .judge import Judge
from .mediator import PassedOn, parameters

__all__ = ["TurnService"]


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    tool: str
    args: dict[str, Any] = {}


class _Submit(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    input: dict[str, Any] = {}
    priority: int | None = None
    deadline: float | None = None
    key: str = ""


class _Task(msgspec.Struct, forbid_unknown_fields=True):
    task: str
    reason: str = ""


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None
    messages: list[Message]
    options: dict[str, Any] = {}


class TurnService:
    """The agent's own rights, cut down to what its plugin was granted: neither lends to the other."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._methods = {
            "turn.call": self._call,
            "turn.submit": self._submit,
            "turn.result": self._result,
            "turn.cancel": self._cancel,
            "turn.model": self._model,
        }

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """One request. Raises ``Denied`` outside a turn, and for what was not granted."""
        work, door = self._methods.get(method), call.turn
        if work is None or not isinstance(door, TurnDoor):
            raise Denied("turn.unknown_method", method, f"there is no {method!r} to ask for here")
        return await work(call, door, params)

    async def _call(self, call: CallContext, door: TurnDoor, params: bytes) -> Any:
        """A tool of the plugin's own, or one that was granted by name; the agent needs it as well."""
        asked: _Call = parameters(params, _Call, "turn.call")
        own = asked.tool.startswith(f"{call.principals.plugin}.")
        if not own and asked.tool not in call.grant.permissions.tools:
            raise Denied("call.grant", asked.tool, f"it may not call the tool {asked.tool!r}")
        try:
            return await door.run(door.ctx.call(asked.tool, **asked.args))
        except Denied as error:
            raise PassedOn(error) from None

    async def _submit(self, call: CallContext, door: TurnDoor, params: bytes) -> str:
        asked: _Submit = parameters(params, _Submit, "turn.submit")
        if not {"submit", "ask"} & set(call.grant.permissions.kernel):
            raise Denied("kernel.grant", "submit", "it may not ask the kernel to submit")
        await self._judge.allow(call, "submit", asked.agent, {})
        child = await door.run(
            door.ctx.submit(
                asked.agent,
                asked.input,
                priority=asked.priority,
                deadline=asked.deadline,
                key=asked.key,
            )
        )
        door.children[child.id] = child
        return child.id

    async def _result(self, call: CallContext, door: TurnDoor, params: bytes) -> Any:
        child = _child(door, parameters(params, _Task, "turn.result"))
        return await door.run(child.result())

    async def _cancel(self, call: CallContext, door: TurnDoor, params: bytes) -> None:
        asked = parameters(params, _Task, "turn.cancel")
        await door.run(_child(door, asked).cancel(asked.reason))

    async def _model(self, call: CallContext, door: TurnDoor, params: bytes) -> list[Delta]:
        asked: _Said = parameters(params, _Said, "turn.model")
        if "model" not in call.grant.permissions.kernel:
            raise Denied("kernel.grant", "model", "it may not ask the kernel's language models")
        await self._judge.allow(call, "kernel", "model", {})

        async def answered() -> list[Delta]:
            ctx = door.ctx
            model = ctx.model if asked.model is None else ctx.use_model(asked.model)
            return [delta async for delta in model.stream(asked.messages, **asked.options)]

        return await door.run(answered())


def _child(door: TurnDoor, asked: _Task) -> ChildTask:
    """A task of this very turn; no other exists for it."""
    child = door.children.get(asked.task)
    if child is None:
        raise NotFound(f"this turn submitted no task {asked.task!r}")
    return child
