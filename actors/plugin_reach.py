"""What of a kernel plugins reach through their mediator: its tasks, and its tools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future as LoopFuture
from typing import Any

import msgspec

from retinue.bus.codec import encode_value
from retinue.bus.errors import DeadlineExceeded
from retinue.bus.messages import CancelTask, SubmitTask, TaskResumes, TaskWaits
from retinue.plugins.hosting.calls import CallContext

from .steps import Steps
from .task_table import TaskTable
from .turn import Services, outcome_of

__all__ = ["PluginReach"]

PATIENCE = 30.0
"""Seconds until the orchestrator has to answer; a call's own deadline is the usual end."""


class PluginReach:
    """Implements the mediator's ``KernelPort`` and ``ToolPort``. Any loop may await it."""

    def __init__(
        self,
        services: Callable[[], Services],
        table: TaskTable,
        run: Callable[[Coroutine[Any, Any, Any]], LoopFuture[Any]],
    ) -> None:
        """``run`` runs a coroutine on the agents' loop."""
        self._services = services
        self._table = table
        self._run = run

    async def submit(
        self, call: CallContext, agent: str, input: Mapping[str, Any], priority: int, key: str
    ) -> str:
        """As ``KernelPort.submit``."""
        services = self._services()
        ids = services.scribe.ids
        given = msgspec.Raw(encode_value(dict(input), f"the input for {agent!r}"))
        body = SubmitTask(given, priority, None, key, call.task)
        command = services.scribe.write(body, call.run or ids.make("r"), ids.make("t"), agent)
        sent = services.orchestrator().ask(command, block=False, timeout=PATIENCE)
        accepted: str = await sent
        return accepted

    async def result(self, call: CallContext, task: str) -> Any:
        """As ``KernelPort.result``. The caller's place in the scheduler is lent meanwhile."""
        services = self._services()
        ended = services.completions.watch(task)
        known = services.ended(task)
        if known is not None:
            services.completions.forget(task)
            return outcome_of(known)
        self._tell_scheduler(call, TaskWaits(task))
        try:
            async with asyncio.timeout(call.deadline - services.scribe.clock.monotonic()):
                return outcome_of(await ended)
        except TimeoutError:
            await self._cancel(call, task, "nobody waits for it any more")
            raise DeadlineExceeded(f"task {task} did not end within the call's time") from None
        except asyncio.CancelledError:
            await self._cancel(call, task, "nobody waits for it any more")
            raise
        finally:
            self._tell_scheduler(call, TaskResumes())

    async def state(self, task: str) -> tuple[str, str]:
        """As ``KernelPort.state``."""
        record = self._table.find(task)
        return record.run, record.state

    async def call(self, call: CallContext, tool: str, args: Mapping[str, Any]) -> Any:
        """As ``ToolPort.call``: on the agents' loop, through the whole pipeline."""
        services = self._services()
        caller = _Plugin(services, call)
        work = services.toolbox.call(caller, tool, args, None)
        return await asyncio.wrap_future(self._run(work))

    def _tell_scheduler(self, call: CallContext, body: TaskWaits | TaskResumes) -> None:
        if call.task:
            services = self._services()
            told = services.scribe.write(body, call.run, call.task, call.principals.agent)
            services.scheduler().tell(told)

    async def _cancel(self, call: CallContext, task: str, reason: str) -> None:
        services = self._services()
        command = services.scribe.write(CancelTask(reason), call.run, task)
        await services.orchestrator().ask(command, block=False, timeout=PATIENCE)


class _Plugin:
    """A ``Caller``: a plugin, for whom it works, and through whom the call came.

    Its steps stand in the journal beside the task's own, not among them: a replay takes the answer
    of the outer call as given, and never gets here.
    """

    cancelled = False

    def __init__(self, services: Services, call: CallContext) -> None:
        who = call.principals
        clock = services.scribe.clock
        self.run, self.task, self.agent = call.run, call.task, who.agent
        self.deadline: float | None = clock.time() + call.deadline - clock.monotonic()
        self.via = (*who.via, who.plugin)
        self.principals = who.chain
        steps = Steps(services.scribe, services.mirrored)
        self.emit, self.told = steps.emit, steps.told

    def answered(self, tool: str, args: bytes) -> None:
        """A plugin's call is made."""

    def effect_id(self, tool: str, args: bytes) -> str:
        """The call that the plugin answers has an effect's id; what it calls for that has none."""
        return ""
