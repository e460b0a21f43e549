"""Coroutines on the agents' loop that a thread or a process elsewhere waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any

from retinue.bus.errors import AgentHung, KernelClosed, RetinueError

from .executor import AgentLoopLost, Outcome
from .home import Home, current

__all__ = ["Guest"]

_ERRORS = {kind.__name__: kind for kind in (AgentHung, AgentLoopLost, KernelClosed)}


class Guest:
    """A ``Tenant`` whose end is a future's. Cancelling the future cancels the coroutine."""

    __slots__ = ("_coroutine", "agent", "children", "future", "home", "root", "task_id")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], home: Home, agent: str) -> None:
        self.agent = agent
        self.task_id = ""
        self.home = home
        self.root: asyncio.Task[None] | None = None
        self.children: set[asyncio.Task[Any]] = set()
        self.future: Future[Any] = Future()
        self._coroutine = coroutine

    @staticmethod
    def refused(coroutine: Coroutine[Any, Any, Any], outcome: Outcome) -> Future[Any]:
        """A future that failed already."""
        coroutine.close()
        future: Future[Any] = Future()
        future.set_exception(_error(outcome))
        return future

    def move_in(self) -> Future[Any]:
        """Post it to the loop. Any thread."""
        self.home.add(self, self._fail)
        self.future.add_done_callback(self._left)
        self.home.thread.post(partial(self._begin, self.home))
        return self.future

    def move(self, home: Home, done: Callable[[Outcome], None]) -> None:
        """As ``Tenant.move``."""
        self.home = home
        self.root = None
        home.add(self, done)
        home.thread.post(partial(self._begin, home))

    def settle(self, outcome: Outcome) -> None:
        """As ``Tenant.settle``."""
        fail = self.home.live.pop(self, None)
        if fail is not None:
            fail(outcome)

    def settle_as_told(self) -> None:
        """Nobody tells a guest: its future is cancelled."""

    def dismiss(self, outcome: Outcome) -> None:
        """As ``Tenant.dismiss``."""
        self.settle(outcome)

    def _begin(self, home: Home) -> None:
        if self.future.done():
            home.fresh.discard(self)
            self._coroutine.close()
            return
        with home.lock:
            if self in home.fresh:
                self.root = asyncio.Task(self._run(home), loop=home.thread.loop)

    async def _run(self, home: Home) -> None:
        if not home.claim(self):
            if self.future.done():  # cancelled on the way here; else it has moved to another home
                self._coroutine.close()
            return
        current.set(self)
        try:
            value = await self._coroutine
        except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
            self._end(error=error)
        else:
            self._end(value)
        for child in list(self.children):
            child.cancel()

    def _end(self, value: Any = None, error: BaseException | None = None) -> None:
        if self.home.live.pop(self, None) is None or not self.future.set_running_or_notify_cancel():
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)

    def _fail(self, outcome: Outcome) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(_error(outcome))

    def _left(self, future: Future[Any]) -> None:
        """The future was cancelled, or is done, on any thread."""
        if future.cancelled():
            self.home.live.pop(self, None)
            self.home.thread.post(self._interrupt)

    def _interrupt(self) -> None:
        if self.root is not None:
            self.root.cancel()
        if self in self.home.fresh:
            self.home.fresh.discard(self)
            self._coroutine.close()


def _error(outcome: Outcome) -> RetinueError:
    return _ERRORS.get(outcome.kind, RetinueError)(outcome.cause)
