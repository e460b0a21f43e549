"""Typed routes: bodies and queries are structs, answers are encoded, errors become problems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from retinue.bus.errors import InvalidInput, MailboxFull
from retinue.bus.redact import Redactor

from ..tokens import Role
from .access import OWNER, Caller
from .calls import Calls, Followed
from .metrics import Requests
from .problems import problem_of
from .reading import Body, Nothing, Query, parsed_body, parsed_query, read
from .repeats import KEY, Repeats
from .responses import Answer, Reply, Text, etag_of, is_known, problem_response, reply

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = [
    "Answer",
    "Body",
    "Call",
    "Followed",
    "Lanes",
    "Mount",
    "Nothing",
    "Query",
    "Route",
    "Text",
    "mounted",
    "parsed_query",
    "problem_response",
]

_HEADROOM = 64 * 1024  # what surrounds an input of the allowed size


class Call(NamedTuple):
    """One request, checked. ``params`` are the path's; ``body`` and ``query`` as the route says.

    ``key`` is its ``Idempotency-Key``, or empty.
    """

    kernel: Kernel
    params: Mapping[str, str]
    query: Any
    body: Any
    caller: Caller = OWNER
    key: str = ""


Handler = Callable[[Call], Any]


class Route(msgspec.Struct, frozen=True):
    """Which function answers what.

    ``lane``: ``wait`` for calls that take as long as a task does, ``loop`` for those that neither
    block nor take long (they may await), and are answered where they come in. ``role`` is what a
    caller over TCP has to be. ``answers`` maps statuses to the types of what is answered, where the
    handler's own return type does not say it. ``follow`` makes the call of a tool that clients follow
    who accept server-sent events.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    query: type[Query] = Query
    body: type[Body] = Nothing
    lane: Literal["quick", "wait", "loop"] = "quick"
    role: Role = "admin"
    answers: Mapping[int, Any] = {}
    follow: Callable[[Call], Followed] | None = None


class Lanes:
    """How many calls run at once. Those that wait cannot keep the quick ones from running."""

    def __init__(self, quick: int = 16, wait: int = 128) -> None:
        """Made on the loop that uses it."""
        self.quick = CapacityLimiter(quick)
        self.wait = CapacityLimiter(wait)

    async def run(self, lane: str, handler: Handler, call: Call) -> Any:
        """Call the handler, on a thread if it may block; a full ``wait`` lane is an error at once."""
        if lane == "loop":
            found = handler(call)
            return await found if isawaitable(found) else found
        limiter = self.wait if lane == "wait" else self.quick
        if lane == "wait" and limiter.available_tokens < 1:
            raise MailboxFull(
                f"{int(limiter.total_tokens)} clients already wait for tasks: submit without wait, "
                "and ask for the task later"
            )
        return await to_thread.run_sync(handler, call, limiter=limiter)


class Mount(NamedTuple):
    """What all routes of an application share. ``owner`` is who a request is from that no gate saw."""

    kernel: Kernel
    lanes: Callable[[], Lanes]
    repeats: Repeats
    requests: Requests
    owner: Caller | None
    calls: Calls


def mounted(routes: Sequence[Route], mount: Mount) -> list[StarletteRoute]:
    """The routes for Starlette; a body may hold an input of the allowed size and what surrounds it."""
    hide = Redactor(mount.kernel.secrets).redact
    return [
        StarletteRoute(route.path, _Endpoint(route, mount, hide).answer, methods=[route.method])
        for route in routes
    ]


class _Endpoint:
    def __init__(self, route: Route, mount: Mount, hide: Callable[[bytes], bytes]) -> None:
        self._route = route
        self._mount = mount
        self._hide = hide
        self._max_body = mount.kernel.config.limits.input_bytes + _HEADROOM

    async def answer(self, request: Request) -> Response:
        """The response, whatever happens."""
        try:
            response = await self._answered(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001  the client gets it, whatever it is
            response = reply(problem_of(error), self._hide)
        self._mount.requests.count(self._route.method, self._route.path, response.status_code)
        return response

    async def _answered(self, request: Request) -> Response:
        route = self._route
        if route.method == "GET":
            return _conditional(request, await self._called(request, b"", ""))
        data = await read(request, self._max_body)
        key = _key_of(request) if route.method == "POST" else ""
        if route.follow is not None and _accepts_events(request):
            followed = route.follow(self._asked(request, data, key))
            once = self._once(request, data, key)
            return await self._mount.calls.follow(followed, once, self._hide)

        async def first() -> Response:
            return await self._called(request, data, key)

        return await self._once(request, data, key)(first)

    def _once(
        self, request: Request, data: bytes, key: str
    ) -> Callable[[Callable[[], Awaitable[Response]]], Awaitable[Response]]:
        """What does a thing once for a key, and always without one."""
        if not key:
            return lambda first: first()
        scope = (self._caller(request).name, request.url.path, request.url.query, key)
        return partial(self._mount.repeats.once, scope, data)

    async def _called(self, request: Request, data: bytes, key: str) -> Reply:
        route, mount = self._route, self._mount
        call = self._asked(request, data, key)
        result = await mount.lanes().run(route.lane, route.handler, call)
        return reply(result, self._hide)

    def _asked(self, request: Request, data: bytes, key: str) -> Call:
        route = self._route
        return Call(
            self._mount.kernel,
            request.path_params,
            parsed_query(request, route.query),
            parsed_body(data, route.body),
            self._caller(request),
            key,
        )

    def _caller(self, request: Request) -> Caller:
        caller: Caller | None = request.scope.get("state", {}).get("caller", self._mount.owner)
        if caller is None:
            raise RuntimeError("a request came past the gate")
        return caller


def _conditional(request: Request, response: Reply) -> Reply:
    """With an ETag; without a body when the client has it already."""
    if response.status_code != 200:
        return response
    tag = etag_of(bytes(response.body))
    if is_known(tag, request.headers):
        return Reply(status_code=304, headers={"etag": tag})
    response.headers["etag"] = tag
    return response


def _accepts_events(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def _key_of(request: Request) -> str:
    given = request.headers.getlist("idempotency-key")
    if not given:
        return ""
    if len(given) > 1 or not KEY.fullmatch(given[0]):
        raise InvalidInput("Idempotency-Key: send one, of 1 to 200 printable ASCII characters")
    return given[0]
