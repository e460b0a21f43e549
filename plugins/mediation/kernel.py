"""``kernel.*``: tasks that a plugin submits, as children of the task for which it works."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from retinue.bus.errors import Denied

from ..hosting.calls import CallContext
from .judge import Judge
from .mediator import parameters

__all__ = ["KernelPort", "KernelService"]

MAX_SUBMITTED = 100
"""Tasks that one call may submit."""
_REMEMBERED = 1000


class KernelPort(Protocol):
    """What of a kernel is within a plugin's reach; awaited on any loop."""

    async def submit(
        self, call: CallContext, agent: str, input: Mapping[str, Any], priority: int, key: str
    ) -> str:
        """The id of a task that was accepted, a child of the call's if it has one.

        A ``key`` that was used before gives the task that has it.
        Raises what refuses any task: an agent above it that would wait for itself among them.
        """

    async def result(self, call: CallContext, task: str) -> Any:
        """What came of it, by the call's deadline; the task is cancelled if nobody waits any more."""

    async def state(self, task: str) -> tuple[str, str]:
        """A task's run and state. Raises ``NotFound``."""


class _Submit(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    input: dict[str, Any] = {}
    priority: Annotated[int, Meta(ge=0, le=9)] = 5
    key: Annotated[str, Meta(max_length=200)] = ""


class _State(msgspec.Struct, forbid_unknown_fields=True):
    task: str


class KernelService:
    """Each action needs its name in the grant, and the rules' word for everyone in the chain."""

    def __init__(self, kernel: KernelPort, judge: Judge) -> None:
        """``kernel`` does what was decided here."""
        self._kernel = kernel
        self._judge = judge
        self._methods = {
            "kernel.submit": self._submit,
            "kernel.ask": self._ask,
            "kernel.state": self._state,
        }
        self._submitted: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """One request. Raises ``Denied``, or what the kernel refuses it with."""
        work = self._methods.get(method)
        if work is None:
            raise Denied("kernel.unknown_method", method, f"there is no {method!r} to ask for")
        action = method.removeprefix("kernel.")
        if action not in call.grant.permissions.kernel:
            raise Denied("kernel.grant", action, f"it may not ask the kernel to {action}")
        await self._judge.allow(call, "kernel", action, {})
        return await work(call, params)

    async def _submit(self, call: CallContext, params: bytes) -> Any:
        return {"task": await self._begun(call, parameters(params, _Submit, "kernel.submit"))}

    async def _ask(self, call: CallContext, params: bytes) -> Any:
        task = await self._begun(call, parameters(params, _Submit, "kernel.ask"))
        return {"task": task, "result": await self._kernel.result(call, task)}

    async def _begun(self, call: CallContext, asked: _Submit) -> str:
        await self._judge.allow(call, "submit", asked.agent, {})
        if sum(by == call.call for by in self._submitted.values()) >= MAX_SUBMITTED:
            raise Denied(
                "kernel.flood", asked.agent, f"one call submits {MAX_SUBMITTED} tasks at most"
            )
        plugin = call.principals.plugin
        key = f"plugin:{plugin}:{asked.key}" if asked.key else ""
        task = await self._kernel.submit(call, asked.agent, asked.input, asked.priority, key)
        self._submitted[plugin, task] = call.call
        while len(self._submitted) > _REMEMBERED:
            self._submitted.popitem(last=False)
        return task

    async def _state(self, call: CallContext, params: bytes) -> Any:
        """Of a task of the same run, or one that the plugin itself submitted; no other exists."""
        task = parameters(params, _State, "kernel.state").task
        own = (call.principals.plugin, task) in self._submitted
        run, state = await self._kernel.state(task)
        if not own and (not call.run or run != call.run):
            raise Denied("kernel.state", task, f"task {task!r} is of another run")
        return {"task": task, "run": run, "state": state}
