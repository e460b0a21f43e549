"""Plain functions on a thread, hand in hand with the loop: of the two, one runs at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any

from retinue.bus.clock import Clock
from retinue.bus.errors import AgentHung
from retinue.plugins.context import SyncContext
from retinue.plugins.port import TurnPort

__all__ = ["Lockstep"]

HANGS_AFTER = 30.0
"""Seconds that a plain function may compute without a call before the replay gives up on it."""


class Lockstep:
    """A plain function's ``Runner``, awaitable: the loop stands still while the function computes."""

    def __init__(
        self, runner: Any, port: TurnPort, clock: Clock, carried: Callable[[], Awaitable[None]]
    ) -> None:
        """``port`` is the turn's; ``carried`` returns when a call has come from thread to loop."""
        self._clock = clock
        self._carried = carried
        self._runner = runner
        self._port = port
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._answered: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    async def run(self, _: Any, params: dict[str, Any]) -> Any:
        """One turn."""
        name = f"replay of {self._port.agent}"
        work = partial(copy_context().run, self._work, params)
        threading.Thread(target=work, name=name, daemon=True).start()
        while True:
            what, value = self._next()
            if what == "returned":
                return value
            if what == "raised":
                raise value
            await self._answer(value)

    def _next(self) -> tuple[str, Any]:
        try:
            return self._asked.get(timeout=HANGS_AFTER)
        except queue.Empty:
            raise AgentHung(
                f"agent {self._port.agent!r} computed for {HANGS_AFTER:g} s in the replay"
            ) from None

    async def _answer(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            await self._carried()
            value = await coroutine
        except BaseException as error:
            coroutine.close()
            self._answered.put((None, error))
            if isinstance(error, GeneratorExit):
                raise
        else:
            self._answered.put((value, None))

    def _work(self, params: dict[str, Any]) -> None:
        try:
            value = self._runner.run(SyncContext(self._port, self._wait, self._clock), params)
        except BaseException as error:  # noqa: BLE001 - it is raised on the loop
            self._asked.put(("raised", error))
        else:
            self._asked.put(("returned", value))

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        self._asked.put(("asked", coroutine))
        value, error = self._answered.get()
        if error is not None:
            raise error
        return value
