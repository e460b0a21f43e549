"""A call of a tool as server-sent events: what it says before its end, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from starlette.responses import Response

from retinue.actors.runtime.errors import LateReply
from retinue.bus.errors import MailboxFull

from .call_stream import CallEvents, CallStream, ended, event
from .live.hub import Hub
from .live.wanted import Wanted
from .live.watch import Terms, Watch
from .problems import problem_of
from .reading import within
from .responses import Answer, Reply, reply

if TYPE_CHECKING:
    from ..tool_calls import ToolCall

__all__ = ["CALL", "Calls", "Followed"]

CALL = "retinue-call"
"""The header that names the call."""
_MOST = 128
"""Calls that are followed at once, or were when their client went away."""

First = Callable[[], Awaitable[Response]]


class Followed(NamedTuple):
    """A call to be made. ``cancels``: it ends when its client goes away before its end."""

    call: ToolCall
    timeout: float
    cancels: bool


class Calls:
    """Belongs to the loop's thread."""

    def __init__(self, hub: Hub, *, guests: bool) -> None:
        """All clients of ``hub`` share its bounds; ``guests`` come over TCP."""
        self._hub = hub
        self._guests = guests
        self._going: set[asyncio.Task[Response]] = set()

    async def follow(
        self,
        asked: Followed,
        once: Callable[[First], Awaitable[Response]],
        hide: Callable[[bytes], bytes],
    ) -> Response:
        """The stream; or a plain problem, when nothing of the call was begun.

        ``once`` is given what makes the call and may know its answer already: that is then all that
        is streamed.
        """
        if len(self._going) >= _MOST:
            raise MailboxFull(
                f"{_MOST} calls of tools are followed already: call without following"
            )
        begun: asyncio.Future[Watch] = asyncio.get_running_loop().create_future()

        async def first() -> Response:
            return await self._called(asked, begun, hide)

        answer = asyncio.create_task(_answered(once(first), hide))
        self._going.add(answer)
        answer.add_done_callback(self._going.discard)
        waits: tuple[asyncio.Future[Any], ...] = (answer, begun)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            return CallStream(begun.result(), asked.call, answer, cancels=asked.cancels)
        return _given_before(answer.result())

    async def _called(
        self, asked: Followed, begun: asyncio.Future[Watch], hide: Callable[[bytes], bytes]
    ) -> Response:
        call = asked.call
        wanted = Wanted(types=("tool.*",), cause=call.id)
        view = CallEvents(call.id, call.tool, call.cursor)
        watch = Watch(self._hub, wanted, view, call.cursor, Terms(waits=True, guest=self._guests))
        try:
            result = call.begin(asked.timeout)
        except BaseException:
            watch.close()
            raise
        begun.set_result(watch)
        try:
            with within("/args"):
                told = {"tool": call.tool, "result": await result}
        except LateReply:
            call.give_up()
            raise
        return reply(Answer(200, told, {CALL: call.id}), hide)


async def _answered(answer: Awaitable[Response], hide: Callable[[bytes], bytes]) -> Response:
    try:
        return await answer
    except Exception as error:  # noqa: BLE001  the client gets it, whatever it is
        return reply(problem_of(error), hide)


def _given_before(answer: Response) -> Response:
    """What an ``Idempotency-Key`` was answered before, as a stream; a problem as it is."""
    if answer.status_code >= 400:
        return answer
    known = answer.headers.get(CALL, "")
    tool = msgspec.json.decode(answer.body)["tool"]
    body = event("call", msgspec.json.encode({"id": known, "tool": tool})) + ended(answer)
    headers = {"idempotency-replayed": "true"} | ({CALL: known} if known else {})
    return Reply(body, 200, headers, media_type="text/event-stream")
