"""``AsyncKernel``: the same kernel for a program with a running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from retinue.actors.feed import Reader
from retinue.actors.turn import outcome_of
from retinue.bus.envelope import Event
from retinue.bus.errors import DeadlineExceeded, KernelClosed
from retinue.bus.views import AgentView, StatusView, TaskView

from .asking.letters import Opened
from .asking.records import Letter
from .asking.why import Answer
from .handles import TaskHandle
from .kernel import Kernel
from .letters import Letters
from .submission import Options

__all__ = ["AsyncKernel", "AsyncLetters", "AsyncTaskHandle"]


class AsyncKernel:
    """Wraps a ``Kernel``: what waits is awaited, and nothing blocks the program's loop.

    ``AsyncKernel(...)`` takes what ``Kernel`` takes; ``kernel`` is the wrapped one, whose quick
    look-ups (``agents``, ``plugins``, ``last_seq``) may be called directly.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As ``Kernel``."""
        self.kernel = Kernel(*args, **kwargs)

    @property
    def letters(self) -> AsyncLetters:
        """As ``Kernel.letters``, once the kernel has started."""
        return AsyncLetters(self.kernel.letters)

    def __repr__(self) -> str:
        return f"<AsyncKernel of {self.kernel!r}>"

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.kernel.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close(drain=0.0)

    async def close(
        self, drain: float | None = None, reason: str = "closed by its program"
    ) -> None:
        """As ``Kernel.close``."""
        await asyncio.to_thread(self.kernel.close, drain, reason)

    async def spawn(self, name: str, agent: Any, **options: Any) -> AgentView:
        """As ``Kernel.spawn``."""
        return await asyncio.to_thread(self.kernel.spawn, name, agent, **options)

    async def submit(
        self, agent: str, input: Mapping[str, Any] | None = None, **options: Unpack[Options]
    ) -> AsyncTaskHandle:
        """As ``Kernel.submit``."""
        sent = self.kernel.send(agent, input, **options)
        try:
            accepted = await sent.accepted
        except BaseException:
            sent.give_up()
            raise
        return AsyncTaskHandle(sent.accepted_as(accepted))

    async def submit_many(
        self, agent: str, inputs: Iterable[Mapping[str, Any]], **options: Unpack[Options]
    ) -> list[AsyncTaskHandle]:
        """``submit`` each input, waiting once for all."""
        return await asyncio.gather(*(self.submit(agent, one, **options) for one in inputs))

    async def task(self, task: str) -> TaskView:
        """As ``Kernel.task``."""
        return await asyncio.to_thread(self.kernel.task, task)

    async def why(self, id: str) -> Answer:
        """As ``Kernel.why``."""
        return await asyncio.to_thread(self.kernel.why, id)

    async def status(self) -> StatusView:
        """As ``Kernel.status``."""
        return await asyncio.to_thread(self.kernel.status)

    async def invoke(
        self,
        tool: str,
        args: Mapping[str, Any] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - the kernel bounds it
    ) -> Any:
        """As ``Kernel.invoke``."""
        return await asyncio.to_thread(self.kernel.invoke, tool, args, timeout)


class AsyncTaskHandle:
    """A ``TaskHandle`` whose waits are awaited; ``handle`` is the blocking one."""

    def __init__(self, handle: TaskHandle) -> None:
        """Made by ``AsyncKernel.submit``."""
        self.handle = handle
        self.id = handle.id
        self.run = handle.run

    def __repr__(self) -> str:
        return f"<AsyncTaskHandle {self.id}>"

    async def state(self) -> str:
        """As ``TaskHandle.state``."""
        return await asyncio.to_thread(lambda: self.handle.state)

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """As ``TaskHandle.result``."""
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return outcome_of(await self.handle.ended)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(
                f"task {self.id} has not ended after {timeout:g} s: wait longer, or cancel it"
            ) from None

    async def cancel(self, reason: str = "cancelled by its submitter") -> bool:
        """As ``TaskHandle.cancel``."""
        return await asyncio.to_thread(self.handle.cancel, reason)

    async def events(
        self,
        after: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncIterator[Event]:
        """As ``TaskHandle.events``."""
        feed, start, only, last = self.handle.reading(after)
        loop = asyncio.get_running_loop()
        more = asyncio.Event()
        reader = Reader(feed, start, only, _waker(loop, more))
        try:
            while True:
                more.clear()
                for event in reader.ready():
                    yield event
                    if last(event):
                        return
                if feed.closed:
                    raise KernelClosed("the kernel was closed before the end of these events")
                try:
                    await asyncio.wait_for(more.wait(), timeout)
                except TimeoutError:
                    raise DeadlineExceeded(
                        f"no event came within {timeout:g} s: wait longer"
                    ) from None
        finally:
            reader.close()


class AsyncLetters:
    """``Letters`` whose reads and commands are awaited."""

    def __init__(self, letters: Letters) -> None:
        """Made by ``AsyncKernel.letters``."""
        self._letters = letters

    async def list(self, limit: int = 100, *, dealt: bool = False) -> list[Letter]:
        """As ``Letters.list``."""
        return await asyncio.to_thread(self._letters.list, limit, dealt=dealt)

    async def open(self, id: str) -> Opened:
        """As ``Letters.open``."""
        return await asyncio.to_thread(self._letters.open, id)

    async def redrive(self, id: str) -> str:
        """As ``Letters.redrive``."""
        return await asyncio.to_thread(self._letters.redrive, id)

    async def purge(self, id: str, reason: str) -> None:
        """As ``Letters.purge``."""
        await asyncio.to_thread(self._letters.purge, id, reason)


def _waker(loop: asyncio.AbstractEventLoop, more: asyncio.Event) -> Callable[[], None]:
    """Set the event from another thread, once until it is seen: wake-ups are what costs."""

    def wake() -> None:
        if not more.is_set() and not loop.is_closed():
            loop.call_soon_threadsafe(more.set)

    return wake
