"""One plugin's process from the host's side: frames, calls, deadlines, and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.errors import DeadlineExceeded, PluginError

from ..manifest.model import Limits
from ..protocol.frames import (
    Ask,
    Call,
    Cancel,
    Event,
    FromGuest,
    Hello,
    Log,
    Part,
    Ping,
    Pong,
    Reply,
    Stream,
)
from ..protocol.rules import Rules
from ..protocol.wire import encode, in_parts
from ..sandbox.confined import Confined
from .asks import Asks
from .calls import CallContext, Mediator, OpenCall
from .idle import IdleWatch
from .link import Link, Witness
from .output import Budget, escaped
from .pace import Allowance
from .raised import raised

__all__ = ["CANCEL_GRACE", "HostedProcess"]

CANCEL_GRACE = 0.25
"""Seconds that a plugin has to end a call it was told to end, before its process is killed."""
_PROGRESS = 100.0
"""Reports of progress a second that are passed on, and at once."""
LINGER = 0.1
"""Seconds without a call after which a process that is to stop has had its last one."""


class HostedProcess:
    """Everything on one loop, which runs no plugin's or agent's code. Ends once."""

    def __init__(
        self,
        confined: Confined,
        rules: Rules,
        limits: Limits,
        mediator: Mediator,
        witness: Witness,
        clock: Clock,
        number: Callable[[], int],
    ) -> None:
        """Takes over a confined process before it may go; ``number`` gives random call ids."""
        self._confined = confined
        self._rules = rules
        self._witness = witness
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, OpenCall] = {}
        self._asks = Asks(mediator, self._context_of, self._answer, self._room, clock)
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._hello: asyncio.Future[Hello] = self._loop.create_future()
        self.reason = ""
        """Why it ended; empty while it lives."""
        self.for_good = False
        """Whether starting it again would not help: that is for the host to find out."""
        self.calls = 0
        """How many calls of its tools were made."""
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done once nothing of it is left."""
        self._log = Budget(limits.log_bytes, clock.monotonic)
        self._progress = Allowance(_PROGRESS, _PROGRESS)
        self._monotonic = clock.monotonic
        self._idle = IdleWatch(confined.pid, lambda: (self.calls, bool(self._calls)), self.kill)
        self._link = Link(confined, rules, limits.log_bytes, witness, clock, self._take, self.kill)
        self._takers: dict[type[FromGuest], Callable[[Any], None]] = {
            Hello: self._greeted,
            Reply: self._replied,
            Part: self._part,
            Stream: self._streamed,
            Event: self._progressed,
            Ask: self._asks.take,
            Cancel: lambda cancel: self._asks.take_back(cancel.id),
            Log: self._logged,
            Pong: self._ponged,
        }

    def __repr__(self) -> str:
        return (
            f"<HostedProcess {self._confined!r} open={len(self._calls)} {self.reason or 'alive'}>"
        )

    @property
    def open_calls(self) -> int:
        """How many calls wait for an answer."""
        return len(self._calls)

    @property
    def confined(self) -> Confined:
        """The process behind its walls."""
        return self._confined

    async def load(self, settings: bytes, seconds: float) -> Hello:
        """Let it go, have it load its plugin, and hear what that offers.

        Raises what the plugin's own code raised, ``DeadlineExceeded``, or ``PluginError`` for an
        end or a broken protocol; the process is gone then.
        """
        self._confined.go()
        self._confined.sock.setblocking(False)
        self._hello.add_done_callback(_seen)
        await self.call("load", settings, seconds)
        return self._hello.result()

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
        """The answer, as JSON. Raises what the plugin raised, ``DeadlineExceeded``, ``PluginError``.

        At the deadline, or when whoever awaits is cancelled, the plugin is told; 250 ms later its
        process is killed unless it has answered.
        """
        if self.reason:
            raise PluginError(f"the plugin's process has ended: {self.reason}")
        number = self._number() if context is None else context.call
        opened = OpenCall(context, on_progress, on_stream)
        self._calls[number] = opened
        self._rules.called(number)
        self.calls += context is not None
        parts, rest = in_parts(number, params, asked=False)
        self._link.write(b"".join([*parts, encode(Call(number, method, rest, seconds, effect))]))
        limit = self._loop.call_later(seconds, self._expire, number, opened.answer, seconds)
        try:
            return await opened.answer
        except asyncio.CancelledError:
            if opened.answer.cancelled():
                self._cancel(number, "cancelled")
            else:  # whoever waited went as the answer came
                _seen(opened.answer)
            raise
        finally:
            limit.cancel()

    async def ping(self, seconds: float) -> None:
        """Raise ``DeadlineExceeded`` unless its loop answers."""
        number = self._number()
        answer = self._pings[number] = self._loop.create_future()
        self._rules.pinged(number)
        self._link.write(encode(Ping(number)))
        limit = self._loop.call_later(seconds, _unanswered, answer, seconds)
        try:
            await answer
        finally:
            limit.cancel()
            self._pings.pop(number, None)

    async def stop(self, seconds: float) -> None:
        """Let open calls end, for ``seconds`` at most, then end the process.

        Those count too that are on their way: whoever stops it gives no new ones out by then.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._drained()
        self.kill("it was stopped")
        await asyncio.shield(self.gone)

    async def _drained(self) -> None:
        made = -1
        while not self.reason and (self._calls or made != self.calls):
            made = self.calls
            if self._calls:
                await asyncio.wait([call.answer for call in self._calls.values()])
            await asyncio.sleep(LINGER)

    def kill(self, reason: str) -> None:
        """End it at once; every open call fails with the reason. Safe to repeat."""
        if self.reason:
            return
        self.reason = reason
        self._link.close()
        self._idle.close()
        self._confined.strike()  # at once: the threads that see to its end may all be busy
        self._loop.run_in_executor(None, self._confined.kill).add_done_callback(self._gone)
        self._asks.close()
        error = PluginError(f"the plugin's process has ended: {reason}")
        waiting: list[asyncio.Future[Any]] = [self._hello, *self._pings.values()]
        waiting += [call.answer for call in self._calls.values()]
        for future in waiting:
            _fail(future, error)
        self._calls.clear()

    def _gone(self, done: asyncio.Future[float]) -> None:
        """Everything beneath it was seen to be gone, or could not be: that is told as loudly."""
        error = done.exception()
        reason = self.reason if error is None else f"{self.reason}; {error}"
        for bound in self._confined.exceeded:
            self._witness.exceeded(bound)
        self._witness.ended(reason, 0.0 if error else done.result())
        self.gone.set_result(None)

    def _expire(self, number: int, answer: asyncio.Future[bytes], seconds: float) -> None:
        if not answer.done():
            answer.set_exception(DeadlineExceeded(f"it did not answer within {seconds:g} s"))
            self._cancel(number, "deadline")

    def _cancel(self, number: int, reason: str) -> None:
        if self.reason:
            return
        self._link.write(encode(Cancel(number, reason)))

        def overdue() -> None:
            if number in self._calls:
                self.kill(f"a call was told to end ({reason}) and had not after {CANCEL_GRACE:g} s")

        self._loop.call_later(CANCEL_GRACE, overdue)

    def _take(self, frame: FromGuest) -> None:
        self._takers[type(frame)](frame)

    def _greeted(self, hello: Hello) -> None:
        if not self._hello.done():
            self._hello.set_result(hello)

    def _replied(self, reply: Reply) -> None:
        opened = self._calls.pop(reply.id)
        if opened.answer.done():
            return
        if reply.fault is not None:
            opened.answer.set_exception(raised(reply.fault))
            return
        opened.answer.set_result(b"".join([*opened.parts, reply.value]))

    def _part(self, part: Part) -> None:
        self._calls[part.id].parts.append(part.data)

    def _streamed(self, stream: Stream) -> None:
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            self._calls[stream.id].on_stream(msgspec.json.decode(stream.value))

    def _progressed(self, event: Event) -> None:
        """More of it than anybody can follow is passed over, but for the last of a call."""
        last = 0 < event.total <= event.done
        if not self._progress.delay(self._monotonic()) or last:
            self._calls[event.id].on_progress(event.done, event.total, escaped(event.note))

    def _logged(self, log: Log) -> None:
        if self._log.take(len(log.text) + 1) > len(log.text):
            self._witness.logged(escaped(log.level), escaped(log.text))

    def _ponged(self, pong: Pong) -> None:
        ping = self._pings.get(pong.id)
        if ping is not None and not ping.done():
            ping.set_result(None)

    def _context_of(self, number: int) -> CallContext | None:
        opened = self._calls.get(number)
        return None if opened is None else opened.context

    async def _room(self) -> None:
        await self._link.room()

    def _answer(self, id: int, data: bytes) -> None:
        if not self.reason:
            self._rules.answered(id)
            self._link.write(data)


def _unanswered(ping: asyncio.Future[None], seconds: float) -> None:
    _fail(ping, DeadlineExceeded(f"its loop did not answer within {seconds:g} s"))


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        _seen(future)


def _seen(future: asyncio.Future[Any]) -> None:
    """Whoever waited may be gone: an error that nobody fetched is no news."""
    if not future.cancelled():
        future.exception()
