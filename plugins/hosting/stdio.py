"""A command that speaks lines on its stdin and stdout: its calls, their ends, and its own."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from retinue.bus.clock import Clock
from retinue.bus.errors import PluginError

from ..manifest.model import Limits
from ..protocol.frames import Hello
from ..sandbox.confined import Confined
from .calls import CallContext, OpenCall
from .deadlines import Deadlines
from .doubts import Doubts
from .lines import LineReader
from .process import LINGER
from .wire import Wire, Witness

__all__ = ["StdioProcess", "seen"]

STDIN_GRACE, TERM_GRACE = 1.0, 0.5
"""Seconds to end in by itself once stdin was closed, and once SIGTERM was sent."""

M = TypeVar("M")


class StdioProcess(ABC, Generic[M]):
    """Everything on one loop, which runs no plugin's or agent's code. Ends once."""

    def __init__(
        self,
        confined: Confined,
        limits: Limits,
        witness: Witness,
        clock: Clock,
        number: Callable[[], int],
        decode: Callable[[bytes], M],
    ) -> None:
        """Takes over a confined process before it may go; ``number`` gives random numbers."""
        if confined.stdio is None:
            raise PluginError("a command is to be started with a socket for stdin and stdout")
        confined.stdio.setblocking(False)
        self._confined = confined
        self._limits = limits
        self._witness = witness
        self._random = number
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, OpenCall] = {}
        self._room = asyncio.Semaphore(limits.in_flight)
        self._deadlines = Deadlines(self._loop, self._end_overdue)
        self.doubts = Doubts(self._loop)
        self._stopping = False
        self._end = asyncio.Event()
        self.reason = ""
        """Why it ended; empty while it lives."""
        self.for_good = False
        """Whether starting it again would not help."""
        self.anywhere = False
        """Calls are made on its loop only."""
        self.calls = 0
        """How many calls were made."""
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done once nothing of it is left."""
        reader = LineReader(decode)
        self._wire: Wire[M] = Wire(
            confined,
            confined.stdio,
            reader,
            limits.log_bytes,
            witness,
            clock,
            self._take,
            self._over,
        )

    def __repr__(self) -> str:
        state = self.reason or "alive"
        return f"<{type(self).__name__} {self._confined!r} open={len(self._calls)} {state}>"

    @property
    def open_calls(self) -> int:
        """How many calls wait for an answer."""
        return len(self._calls)

    @property
    def confined(self) -> Confined:
        """The process behind its walls."""
        return self._confined

    @abstractmethod
    async def load(self, settings: bytes, seconds: float) -> Hello:
        """Let it go, and hear what it offers.

        Raises ``DeadlineExceeded``, or ``PluginError`` for an end or a broken protocol.
        """

    async def call(
        self,
        method: str,
        params: bytes,
        seconds: float,
        context: CallContext | None = None,
        *,
        effect: str = "",
        on_progress: Callable[[float, float, str], None] = lambda *_: None,
        on_stream: Callable[[Any], None] = lambda _: None,
    ) -> bytes:
        """The answer to ``tool.call``, as JSON. Raises what the plugin says went wrong.

        ``DeadlineExceeded`` and ``PluginError`` as for any plugin. At the deadline, or when whoever
        awaits is cancelled, the plugin is told. Over ``limits.in_flight`` calls wait their turn.
        """
        if method != "tool.call":
            raise PluginError(f"a command takes calls of tools, and no {method!r}")
        number = self._number(self._random() if context is None else context.call)
        opened = OpenCall(context, on_progress, on_stream, self._loop.time(), seconds)
        if self._room.locked():
            await self._take_turn(opened)
        else:
            await self._room.acquire()
        try:
            self._refuse_when_over()
            self._calls[number] = opened
            self.calls += 1
            self._deadlines.add(opened.deadline)
            self._wire.write(self._call(number, params, seconds, effect))
            return await opened.answer
        except asyncio.CancelledError:
            if opened.answer.cancelled():
                opened.over = True
                self._give_up(number, "cancelled")
            raise
        finally:
            self._room.release()

    async def _take_turn(self, opened: OpenCall) -> None:
        """Wait until another call is over, and no longer than this one may take."""
        try:
            async with asyncio.timeout_at(opened.deadline):
                await self._room.acquire()
        except TimeoutError:
            raise opened.too_late() from None

    async def stop(self, seconds: float) -> None:
        """Let open calls end, for ``seconds`` at most, and then the process: first by itself.

        Its stdin is closed; what still runs after a second gets SIGTERM, and half a second later
        SIGKILL. With 0 seconds that is all there is.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._drained()
        self._stopping = True
        if seconds and not self.reason:
            self._wire.finish()
            if not await self._ended(STDIN_GRACE) and self._confined.terminate():
                await self._ended(TERM_GRACE)
        self.kill("it was stopped")
        await asyncio.shield(self.gone)

    async def _drained(self) -> None:
        """Calls count too that are on their way: whoever stops it gives no new ones out by then."""
        made = -1
        while not self.reason and (self._calls or made != self.calls):
            made = self.calls
            if self._calls:
                await asyncio.wait([call.answer for call in self._calls.values()])
            await asyncio.sleep(LINGER)

    async def ping(self, seconds: float) -> None:
        """Raise ``DeadlineExceeded`` unless it answers; a runtime that cannot is taken at its word."""

    def kill(self, reason: str, *, for_good: bool = False) -> None:
        """End it at once; every open call fails with the reason. Safe to repeat."""
        if self.reason:
            return
        self.reason, self.for_good = reason, for_good
        self._end.set()
        self._wire.close()
        self._deadlines.close()
        self.doubts.close()
        self._confined.strike()  # at once: the threads that see to its end may all be busy
        self._loop.run_in_executor(None, self._confined.kill).add_done_callback(self._gone)
        self._fail(PluginError(f"the plugin's process has ended: {reason}"))

    @abstractmethod
    def _call(self, number: int, params: bytes, seconds: float, effect: str) -> bytes:
        """The line that asks for a tool; ``params`` is a JSON object of ``tool`` and ``args``."""

    @abstractmethod
    def _cancel(self, number: int, reason: str) -> None:
        """Tell it that nobody waits for this call any more; drop the doubt once it is known to live."""

    @abstractmethod
    def _take(self, message: M) -> None:
        """One message of its own; raises ``Violation``."""

    def _fail(self, error: Exception) -> None:
        """Nobody will get an answer any more."""
        for call in self._calls.values():
            call.settle(b"", error)
        self._calls.clear()

    def _finish(self, number: int, outcome: bytes | BaseException) -> None:
        """A call is over."""
        opened = self._calls.pop(number)
        self.doubts.drop(number)
        if isinstance(outcome, BaseException):
            opened.settle(b"", outcome)
        else:
            opened.settle(outcome)

    def _end_overdue(self, now: float) -> None:
        """The deadline of a call has come: of one that was answered meanwhile, perhaps."""
        self._wire.read()
        for number, opened in self._deadlines.overdue(self._calls, now):
            opened.settle(b"", opened.too_late())
            self._give_up(number, "deadline")

    def _give_up(self, number: int, reason: str) -> None:
        if self.reason or number not in self._calls:  # it was answered in the same turn of the loop
            return
        self.doubts.add(number)
        self._cancel(number, reason)

    def _go(self) -> None:
        """Let the launcher put the command in its own place; its channel has served then."""
        self._confined.go()

    def _number(self, random: int) -> int:
        """JavaScript has no integers beyond 53 bits."""
        return random & ((1 << 48) - 1) or 1

    def _refuse_when_over(self) -> None:
        if self.reason:
            raise PluginError(f"the plugin's process has ended: {self.reason}")

    def _over(self, reason: str) -> None:
        """It closed its side, or broke the protocol."""
        self.kill("it was stopped" if self._stopping else reason)

    async def _ended(self, seconds: float) -> bool:
        """Whether it closed its stdout in time, as it does when it ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()
        return self._end.is_set()

    def _gone(self, done: asyncio.Future[float]) -> None:
        """Everything beneath it was seen to be gone, or could not be: that is told as loudly."""
        error = done.exception()
        reason = self.reason if error is None else f"{self.reason}; {error}"
        for bound in self._confined.exceeded:
            self._witness.exceeded(bound)
        self._witness.ended(reason, 0.0 if error else done.result())
        self.gone.set_result(None)


def seen(future: asyncio.Future[Any]) -> None:
    """Whoever waited may be gone: an error that nobody fetched is no news."""
    if not future.cancelled():
        future.exception()
