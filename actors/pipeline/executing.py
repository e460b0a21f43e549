"""Execute: the tool runs, within its deadline, and once more where that is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value
from retinue.bus.errors import DeadlineExceeded
from retinue.bus.messages import ToolOutput, ToolProgress, ToolReturned
from retinue.plugins import Tool
from retinue.plugins.host.failures import retry_after
from retinue.plugins.tools import ToolContext

from ..answers import raised, value_of
from ..tool_threads import ToolThreads
from .invocation import Invocation
from .retries import Retry, delay_before

__all__ = ["DEFAULT_TIMEOUT", "Execute"]

DEFAULT_TIMEOUT = 120.0
"""Seconds that a call may take when neither the tool nor the turn says less."""

NEVER = Retry()


class Execute:
    """Does the call. The last stage: it proceeds to nothing."""

    name = "execute"

    def __init__(
        self,
        monotonic: Callable[[], float],
        clock: Clock | None = None,
        retry: Callable[[Tool], Retry] = lambda _: NEVER,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        """``clock`` is for the tools; ``retry`` says how often one is called; ``chance`` is in [0, 1)."""
        self._monotonic = monotonic
        self._clock = clock
        self._retry = retry
        self._chance = chance
        self.threads = ToolThreads()
        self.calls = 0
        """How many calls were begun so far."""

    def applies(self, tool: Tool) -> bool:
        """To every call."""
        return True

    def process(self, call: Invocation, proceed: object) -> Awaitable[Any]:
        """Call it, or give the answer that was given before."""
        if call.answer is not None:
            return _again(call.answer)
        retry = self._retry(call.tool)
        return self._once(call) if retry.attempts <= 1 else self._several(call, retry)

    async def _several(self, call: Invocation, retry: Retry) -> Any:
        ends = self._monotonic() + (call.tool.timeout or DEFAULT_TIMEOUT)
        attempt = 1
        while True:
            try:
                return await self._once(call, ends - self._monotonic())
            except Exception as error:
                left = ends - self._monotonic()
                wait = delay_before(retry, attempt, error, call.tool.effect, left, self._chance())
                if wait is None:
                    raise
                push_back(call, error)
                attempt += 1
                note = (
                    f"attempt {attempt} of {retry.attempts} in {wait:.1f} s: {type(error).__name__}"
                )
                call.caller.emit(ToolProgress(call.call, call.tool.name, 0.0, 0.0, note))
                await asyncio.sleep(wait)

    async def _once(self, call: Invocation, most: float | None = None) -> Any:
        self.calls += 1
        tool = call.tool
        seconds = tool.timeout or DEFAULT_TIMEOUT
        if most is not None:
            seconds = max(0.001, min(seconds, most))
        over = _Over()
        context = self._context(call, over)
        work: Awaitable[Any]
        if tool.is_async:
            work = tool.call(call.checked, context)
        else:
            work = self.threads.call(partial(tool.call, call.checked, context), f"tool {tool.name}")
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(f"{tool.name} did not return within {seconds:g} s") from None
        finally:
            over.yes = True

    def _context(self, call: Invocation, over: _Over) -> ToolContext:
        caller, name = call.caller, call.tool.name

        def progress(done: float, total: float, note: str) -> None:
            caller.emit(ToolProgress(call.call, name, done, total, note))

        def stream(value: Any) -> None:
            piece = msgspec.Raw(encode_value(value, f"a piece of the output of {name}"))
            caller.emit(ToolOutput(call.call, name, piece))

        return ToolContext(
            progress,
            lambda: over.yes or caller.cancelled,
            caller.deadline,
            self._clock,
            call.effect,
            stream,
            run=caller.run,
            task=caller.task,
            agent=caller.agent,
            via=getattr(caller, "via", ()),
            rule=call.rule,
        )


class _Over:
    """Whether a call has ended. A ``threading.Event`` costs 2 µs, and nobody waits for this."""

    __slots__ = ("yes",)

    def __init__(self) -> None:
        self.yes = False


def push_back(call: Invocation, error: BaseException) -> None:
    """Tell the limiter, if there is one, for how long the other side wants to be left alone."""
    seconds = retry_after(error)
    if seconds and call.push_back is not None:
        call.push_back(seconds)


async def _again(told: ToolReturned) -> Any:
    """What a call was answered before."""
    if not told.ok:
        raise raised(told)
    return value_of(told)
