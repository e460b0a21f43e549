"""The form of a followed call, and the response that goes on until its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from retinue.bus.errors import Denied, KernelClosed

from .live.shared import Shared
from .live.views import Gap
from .live.wanted import Wanted
from .live.watch import Watch
from .problems import Problem, problem_of
from .streaming import HEADERS, leave, written

if TYPE_CHECKING:
    from ..tool_calls import ToolCall

__all__ = ["CallEvents", "CallStream", "ended", "event"]

_LAST_WORDS = 2.0
"""Seconds for what a call said to be committed after its result is there."""
_PATIENCE = 60.0
"""Seconds in which a client has to take the end."""


class _Output(msgspec.Struct):
    value: msgspec.Raw


class _Progress(msgspec.Struct):
    done: float
    total: float = 0.0
    note: str = ""


class CallEvents(msgspec.Struct, frozen=True):
    """A call's ``tool.output`` as ``chunk`` and its ``tool.progress`` as ``progress``.

    Each ``id`` is the ``seq`` of its event, a cursor for ``/v1/events``.
    """

    call: str
    tool: str
    cursor: int
    beat: float = 5.0
    dialect: str = ""

    def opening(self) -> bytes:
        """An event ``call``: which one it is, and where its events are."""
        follow = f"/v1/events?cause={self.call}&from={self.cursor + 1}"
        told = {"id": self.call, "tool": self.tool, "follow": follow}
        return event("call", msgspec.json.encode(told))

    def frame(self, shared: Shared, wanted: Wanted, previous: int) -> bytes:
        """What the call says; its beginning and its end are told otherwise."""
        body = shared.envelope.body
        if shared.envelope.type == "tool.output":
            piece = msgspec.json.decode(body, type=_Output)
            return event("chunk", b'{"value":%b}' % bytes(piece.value), shared.seq)
        if shared.envelope.type == "tool.progress":
            told = msgspec.json.encode(msgspec.json.decode(body, type=_Progress))
            return event("progress", told, shared.seq)
        return b""

    def gap(self, gap: Gap) -> bytes:
        """An event ``gap``."""
        return event("gap", msgspec.json.encode(gap))

    def problem(self, problem: Problem) -> bytes:
        """An event ``error``, which is the last."""
        return event("error", msgspec.json.encode(problem))

    def heartbeat(self, position: int) -> bytes:
        """A comment."""
        return b": heartbeat\n\n"


class CallStream(Response):
    """What a call says, then exactly one ``result`` or ``error``."""

    def __init__(
        self, watch: Watch, call: ToolCall, answer: asyncio.Task[Response], *, cancels: bool
    ) -> None:
        """``answer`` goes on without a client; with ``cancels`` the call is cancelled then."""
        super().__init__(media_type="text/event-stream")
        self._watch = watch
        self._call = call
        self._answer = answer
        self._cancels = cancels
        self._over = False
        del self.headers["content-length"]
        self.headers.update({**HEADERS, "retinue-call": call.id})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the client has gone."""
        watch = self._watch
        watch.abort = scope["state"].get("abort")
        tasks = [asyncio.create_task(work) for work in (leave(receive, self._left), self._ending())]
        try:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            while (data := await watch.next()) is not None:
                await written(send, data)
            await self._end(send)
        finally:
            for task in tasks:
                task.cancel()
            watch.close()
            if self._cancels and not self._answer.done():
                self._call.cancel("its client went away")

    async def _ending(self) -> None:
        """Have the watch end where the call has."""
        await asyncio.wait([self._answer])
        seq = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                seq = await self._call.written
        self._watch.end_at(seq)

    def _left(self, refusal: Denied | None) -> None:
        self._over = True
        if refusal is None:
            self._watch.finish()
        else:
            self._watch.fail(refusal)

    async def _end(self, send: Send) -> None:
        last = b""
        if self._over:
            pass  # nobody is there, or was told why
        elif self._answer.done():
            last = ended(self._answer.result())
        else:
            closed = KernelClosed(f"the daemon stops: ask it for the events of {self._call.id}")
            last = event("error", msgspec.json.encode(problem_of(closed)))
        try:
            async with asyncio.timeout(_PATIENCE):
                await written(send, last)
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            if self._watch.abort is not None:
                self._watch.abort()


def ended(answer: Response) -> bytes:
    """How a call ended: its ``result``, or the problem as ``error``."""
    return event("result" if answer.status_code < 400 else "error", bytes(answer.body))


def event(name: str, data: bytes, seq: int = 0) -> bytes:
    """One server-sent event. JSON has line breaks between its tokens alone."""
    number = b"id: %d\n" % seq if seq else b""
    one_line = data.translate(_ONE_LINE)
    return b"%bevent: %b\ndata: %b\n\n" % (number, name.encode(), one_line)


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
