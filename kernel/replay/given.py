"""In the place of agents whose code is not here: their turns end as the record says."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from retinue.actors.answers import error_of
from retinue.bus.envelope import Event
from retinue.plugins import AgentSpec

from .commits import state_of
from .inversions import jitter_of
from .ledger import Ledger
from .virtual_loop import VirtualLoop

__all__ = ["Stubs"]


class Stubs:
    """Stub agents by name, and their turns that wait for an end, by task."""

    def __init__(self, loop: VirtualLoop, ledger: Ledger) -> None:
        """No agent is one yet."""
        self.names: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Event]] = {}
        self._loop = loop
        self._ledger = ledger

    def spec(self, name: str) -> AgentSpec:
        """An agent that takes any input and does nothing until it ends."""

        async def as_recorded(ctx: Any, **input: Any) -> Any:
            del input
            waiting = self._waiting[ctx.task] = self._loop.create_future()
            return self._end(await waiting, ctx)

        return AgentSpec(as_recorded, name=name)

    def waits(self, task: str) -> bool:
        """Whether the turn of the task can be ended."""
        return task in self._waiting and not self._waiting[task].done()

    def end(self, task: str, event: Event) -> None:
        """End the turn as the event tells: the task's, or the attempt's."""
        self._waiting[task].set_result(event)

    def forget(self) -> None:
        """No turn runs any more."""
        self._waiting.clear()

    def _end(self, event: Event, ctx: Any) -> Any:
        body = msgspec.json.decode(event.envelope.body)
        if event.type != "task.succeeded":
            raise _failure(body)
        state = self._ledger.following("agent", ctx.task)
        if state is not None and state.type == "agent.state":
            ctx.state.clear()
            ctx.state.update(state_of(state))
        return body["result"]


def _failure(body: dict[str, Any]) -> BaseException:
    """The error that ended an attempt, with the pause it asked for if no back-off explains that."""
    error = error_of(body.get("kind", "RetinueError"), body.get("cause", ""))
    delay = body.get("retry_in")
    if delay and jitter_of(body["attempt"], delay) is None:
        error.__dict__["retry_after"] = delay
    return error
