"""One plugin's process from the host's side: frames, calls, deadlines, and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from retinue.bus.clock import Clock
from retinue.bus.errors import PluginError

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
from .deadlines import Deadlines
from .doubts import Doubts
from .idle import IdleWatch
from .link import Link, Witness
from .pings import Pings, fail
from .processes import NotSent
from .raised import raised
from .reports import Reports
from .spawning import seen

__all__ = ["CANCEL_GRACE", "HostedProcess"]

CANCEL_GRACE = 0.25
"""Seconds that a plugin has to end a call it was told to end, before its process is killed."""
LINGER = 0.1
"""Seconds without a call after which a process that is to stop has had its last one."""


class HostedProcess:
    """On one loop, its home, which runs no plugin's or agent's code; ``call`` on any. Ends once."""

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
        self._draining = False
        self._emptied = asyncio.Event()
        self._pings = Pings(self._loop)
        self._hello: asyncio.Future[Hello] = self._loop.create_future()
        self.reason = ""
        """Why it ended; empty while it lives."""
        self.for_good = False
        """Whether starting it again would not help: that is for the host to find out."""
        self.anywhere = True
        """``call`` may be awaited on any loop."""
        self.calls = 0
        """How many calls of its tools were made."""
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done once nothing of it is left."""
        self._reports = Reports(limits.log_bytes, witness, clock.monotonic)
        self._idle = IdleWatch(confined.pid, lambda: (self.calls, bool(self._calls)), self.kill)
        self._link = Link(confined, rules, limits.log_bytes, witness, clock, self._take, self.kill)
        self._lock, room = self._link.lock, self._link.room
        self._asks = Asks(mediator, self._context_of, self._answer, room, clock)
        self._deadlines = Deadlines(self._loop, self._end_overdue)
        self.doubts = Doubts(self._loop)
        self._takers: dict[type[FromGuest], Callable[[Any], None]] = {
            Reply: self._replied,
            Part: self._part,
            Stream: lambda stream: self._reports.streamed(self._calls[stream.id], stream),
            Event: lambda event: self._reports.progressed(self._calls[event.id], event),
        }
        self._home_takers: dict[type[FromGuest], Callable[[Any], None]] = {
            Hello: self._greeted,
            Ask: self._asks.take,
            Cancel: lambda cancel: self._asks.take_back(cancel.id),
            Log: self._reports.logged,
            Pong: self._pings.answered,
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
        self._hello.add_done_callback(seen)
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
        process is killed unless it has answered. From any loop; ``NotSent`` once it has ended.
        """
        number = self._number() if context is None else context.call
        parts, rest = in_parts(number, params, asked=False)
        data = encode(Call(number, method, rest, seconds, effect))
        opened = OpenCall(context, on_progress, on_stream, self._loop.time(), seconds)
        with self._lock:
            if self.reason:
                raise NotSent(f"the plugin's process has ended: {self.reason}")
            self._calls[number] = opened
            self._rules.called(number)
            self.calls += context is not None
            self._deadlines.add(opened.deadline)
            self._link.called()
            self._link.write(b"".join([*parts, data]) if parts else data)
        try:
            return await opened.answer
        except asyncio.CancelledError:
            if opened.answer.cancelled():
                self._cancel(number, "cancelled")
            raise

    async def ping(self, seconds: float) -> None:
        """Raise ``DeadlineExceeded`` unless its loop answers."""
        number = self._number()

        def send() -> None:
            with self._lock:
                self._rules.pinged(number)
                self._link.write(encode(Ping(number)))

        await self._pings.send(number, seconds, send)

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
        self._draining = True
        while not self.reason and (self._calls or made != self.calls):
            made = self.calls
            self._emptied.clear()
            if self._calls:
                await self._emptied.wait()
            await asyncio.sleep(LINGER)

    def kill(self, reason: str) -> None:
        """End it at once; every open call fails with the reason. Safe to repeat."""
        with self._lock:
            if self.reason:
                return
            self.reason = reason
            self._link.close()
            self.doubts.close()
        self._idle.close()
        self._deadlines.close()
        self._confined.strike()  # at once: the threads that see to its end may all be busy
        self._loop.run_in_executor(None, self._confined.kill).add_done_callback(self._gone)
        self._asks.close()
        error = PluginError(f"the plugin's process has ended: {reason}")
        fail(self._hello, error)
        self._pings.fail(error)
        for opened in self._calls.values():
            opened.settle(b"", error)
        self._calls.clear()
        self._emptied.set()

    def _gone(self, done: asyncio.Future[float]) -> None:
        """Everything beneath it was seen to be gone, or could not be: that is told as loudly."""
        error = done.exception()
        reason = self.reason if error is None else f"{self.reason}; {error}"
        for bound in self._confined.exceeded:
            self._witness.exceeded(bound)
        self._witness.ended(reason, 0.0 if error else done.result())
        self.gone.set_result(None)

    def _end_overdue(self, now: float) -> None:
        """The deadline of a call has come: of one that was answered meanwhile, perhaps."""
        self._link.read()
        with self._lock:
            for number, opened in self._deadlines.overdue(self._calls, now):
                opened.settle(b"", opened.too_late())
                self._cancel(number, "deadline", opened.deadline)

    def _cancel(self, number: int, reason: str, since: float | None = None) -> None:
        """From any loop. ``since`` is when it had to end; half of the grace is left to it anyway."""
        with self._lock:
            if self.reason or number not in self._calls:
                return
            self._calls[number].over = True
            self.doubts.add(number)
            self._link.write(encode(Cancel(number, reason)))
        now = self._loop.time()
        at = max((now if since is None else since) + CANCEL_GRACE, now + CANCEL_GRACE / 2)
        self._link.at_home(self._loop.call_at, at, self._overdue, number, reason)

    def _overdue(self, number: int, reason: str) -> None:
        self._link.read()
        if number in self._calls:
            self.kill(f"a call was told to end ({reason}) and had not after {CANCEL_GRACE:g} s")

    def _take(self, frame: FromGuest) -> None:
        """From any loop, under the lock."""
        kind = type(frame)
        take = self._takers.get(kind)
        if take is not None:
            take(frame)
            return
        self._link.at_home(self._home_takers[kind], frame)
        if kind is Ask:
            self._link.read_at_home()

    def _greeted(self, hello: Hello) -> None:
        if not self._hello.done():
            self._hello.set_result(hello)

    def _replied(self, reply: Reply) -> None:
        opened = self._calls.pop(reply.id)
        self.doubts.drop(reply.id)
        if reply.fault is not None:
            opened.settle(b"", raised(reply.fault))
        else:
            value = b"".join([*opened.parts, reply.value]) if opened.parts else reply.value
            opened.settle(value)
        if self._draining and not self._calls:
            self._link.at_home(self._emptied.set)

    def _part(self, part: Part) -> None:
        self._calls[part.id].parts.append(part.data)

    def _context_of(self, number: int) -> CallContext | None:
        opened = self._calls.get(number)
        return None if opened is None else opened.context

    def _answer(self, id: int, data: bytes) -> None:
        with self._lock:
            if not self.reason:
                self._rules.answered(id)
                self._link.write(data)
