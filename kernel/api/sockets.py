"""The dialects over WebSockets: ``/events``, ``/ws/runs/{run}`` and ``/ws/orchestrator``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from retinue.bus.errors import InvalidInput, KernelClosed, MailboxFull

from .events import Rate, after
from .live.bucket import Bucket
from .live.frames import Forwarded, RunLogs, text_frame
from .live.hub import Hub
from .live.speakers import AGENT_EVENTS, ORCHESTRATOR_EVENTS
from .live.views import View
from .live.wanted import Wanted
from .live.watch import Terms, Watch
from .problems import problem_of
from .reading import Query, parsed_query
from .responses import problem_response

__all__ = ["Listen", "Sockets"]

MAX_MESSAGE = 16 * 1024
"""Bytes of the largest message that a client may send."""
_DEFAULT_RATE = 10_000.0
_SAID_RATE, _SAID_BURST = 5.0, 20.0
_GOING_AWAY, _UNSUPPORTED, _POLICY = 1001, 1003, 1008


class Listen(Query, frozen=True):
    """Where to begin, and what to leave out.

    ``from`` is ``now``, ``start`` or the first ``seq`` that is wanted. ``type`` is a glob over the
    dialect's types or the kernel's, and may come several times. ``rate`` is how many events a second
    are sent at most. With ``seq=true`` each message has the ``seq`` of its event: a cursor.
    """

    start: str = msgspec.field(name="from", default="now")
    run: str = ""
    agent: str = ""
    type: tuple[str, ...] = ()
    rate: Rate = _DEFAULT_RATE
    seq: bool = False


class Sockets:
    """Three addresses, one protocol: the server talks; a client may change what it listens to.

    It does so with ``{"subscribe": {"from": …, "run": …, "agent": …, "type": […], …}}``; what it
    leaves out is as it was. The answer is ``{"type": "subscribed", "cursor": SEQ}``, or a problem.
    """

    def __init__(self, hub: Hub, *, guests: bool) -> None:
        """All clients of ``hub`` share its bounds; ``guests`` come over TCP."""
        self._hub = hub
        self._guests = guests

    def routes(self) -> list[WebSocketRoute]:
        """For Starlette."""
        return [
            WebSocketRoute("/events", self.events),
            WebSocketRoute("/ws/orchestrator", self.orchestrator),
            WebSocketRoute("/ws/runs/{run}", self.run),
        ]

    async def events(self, socket: WebSocket) -> None:
        """Each entry of ``agent-events``, as it is."""
        await self._serve(socket, AGENT_EVENTS, "")

    async def orchestrator(self, socket: WebSocket) -> None:
        """Each message of ``orchestrator-events``, as it is."""
        await self._serve(socket, ORCHESTRATOR_EVENTS, "")

    async def run(self, socket: WebSocket) -> None:
        """A run's ``live-logs``, and how the run is whenever it changes."""
        await self._serve(socket, "", socket.path_params["run"])

    async def _serve(self, socket: WebSocket, dialect: str, run: str) -> None:
        try:
            asked = parsed_query(socket, Listen)
            session = _Session(self._hub, socket, dialect, run, asked, guest=self._guests)
        except (InvalidInput, MailboxFull, KernelClosed) as error:
            await socket.send_denial_response(problem_response(error))
            return
        try:
            await socket.accept()
            await session.serve()
        except (WebSocketDisconnect, OSError):
            pass  # the client has gone
        finally:
            session.close()


class _Session:
    """One connection: what it is sent is up to its watch, which it may change for another."""

    def __init__(
        self, hub: Hub, socket: WebSocket, dialect: str, run: str, asked: Listen, *, guest: bool
    ) -> None:
        self._hub = hub
        self._guest = guest
        self._socket = socket
        self._dialect = dialect
        self._run = run
        self._asked = asked
        self._said = Bucket(_SAID_RATE, _SAID_BURST, asyncio.get_running_loop().time())
        self._close = (_GOING_AWAY, "the kernel has stopped")
        self._watch = self._watching(after(asked.start, hub))

    async def serve(self) -> None:
        """Send until the kernel stops, or the client has to go."""
        listening = asyncio.create_task(self._listen())
        try:
            watch = None
            while watch is not self._watch:
                watch = self._watch
                while (data := await watch.next()) is not None:
                    await self._socket.send({"type": "websocket.send", "frames": data})
            code, reason = self._close
            await self._socket.close(code, reason)
        finally:
            listening.cancel()

    def close(self) -> None:
        """Let go of everything."""
        if self._run:
            self._hub.hide_run(self._run, self._watch)
        self._watch.close()

    def _watching(self, begin: int) -> Watch:
        asked = self._asked
        wanted = Wanted(self._run or asked.run, "", asked.agent, asked.type)
        view: View = RunLogs(numbered=asked.seq)
        if self._dialect:
            view = Forwarded(self._dialect, asked.seq)
        watch = Watch(self._hub, wanted, view, begin, Terms(rate=asked.rate, guest=self._guest))
        watch.abort = self._socket.scope["state"].get("abort")
        if self._run:
            self._hub.show_run(self._run, watch)
        return watch

    async def _listen(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                message = await self._socket.receive()
                if message["type"] != "websocket.receive":
                    if message.get("ended"):  # by the gate: its token no longer counts
                        self._close = (_POLICY, message["reason"])
                    break
                if not self._said.try_one(asyncio.get_running_loop().time()):
                    self._end(_POLICY, "too many messages: one subscribes once in a while")
                elif message.get("text") is None:
                    self._end(_UNSUPPORTED, "a message of bytes: subscribe with text")
                else:
                    self._take(message["text"])
        self._watch.finish()

    def _take(self, text: str) -> None:
        try:
            given = _subscription(text)
            asked = self._asked if given is None else _changed(self._asked, given)
            begin = self._watch.cursor
            if given is not None and "from" in given:
                begin = after(asked.start, self._hub)
        except InvalidInput as error:
            self._watch.tell(self._watch.view.problem(problem_of(error)))
            return
        if given is not None:
            self._subscribe(asked, begin)

    def _subscribe(self, asked: Listen, begin: int) -> None:
        self.close()
        self._asked = asked
        try:
            self._watch = self._watching(begin)
        except (MailboxFull, KernelClosed) as error:
            self._end(_GOING_AWAY, str(error)[:100])
            return
        self._watch.tell(text_frame(msgspec.json.encode({"type": "subscribed", "cursor": begin})))

    def _end(self, code: int, reason: str) -> None:
        self._close = (code, reason)
        self._watch.finish()


def _subscription(text: str) -> dict[str, Any] | None:
    """What it asks for; ``None`` for a message that is about something else."""
    try:
        said = msgspec.json.decode(text, type=dict[str, Any])
        given = said.get("subscribe")
        if given is not None and not isinstance(given, dict):
            raise InvalidInput('a message: give {"subscribe": {…}}')
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"a message: {error}") from error
    return given


def _changed(asked: Listen, given: dict[str, Any]) -> Listen:
    try:
        return msgspec.convert({**msgspec.to_builtins(asked), **given}, Listen)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"subscribe: {error}") from error
