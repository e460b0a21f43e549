"""Typed routes: bodies and queries are structs, answers are encoded, errors become problems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_origin, get_type_hints

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from retinue.bus.errors import InvalidInput, MailboxFull
from retinue.bus.redact import Redactor

from .problems import MEDIA_TYPE, Problem, problem_of

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = [
    "Answer",
    "Body",
    "Call",
    "Lanes",
    "Nothing",
    "Query",
    "Route",
    "mounted",
    "parsed_query",
    "problem_response",
]

_HEADROOM = 64 * 1024  # what surrounds an input of the allowed size


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the bodies that routes take; a key that is not known is refused."""


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the queries that routes take; a name that is not known is refused."""


class Nothing(Body, frozen=True):
    """A body without keys, or no body at all."""


class Call(NamedTuple):
    """One request, checked. ``params`` are the path's; ``body`` and ``query`` as the route says."""

    kernel: Kernel
    params: Mapping[str, str]
    query: Any
    body: Any


class Answer(msgspec.Struct, frozen=True):
    """An answer with a status of its own; a handler that returns anything else answers 200."""

    status: int
    body: Any


Q = TypeVar("Q", bound=Query)
Handler = Callable[[Call], Any]


class Route(msgspec.Struct, frozen=True):
    """Which function answers what. ``lane``: ``wait`` for calls that take as long as a task does."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    query: type[Query] = Query
    body: type[Body] = Nothing
    lane: Literal["quick", "wait"] = "quick"


class Lanes:
    """How many calls run at once. Those that wait cannot keep the quick ones from running."""

    def __init__(self, quick: int = 16, wait: int = 128) -> None:
        """Made on the loop that uses it."""
        self.quick = CapacityLimiter(quick)
        self.wait = CapacityLimiter(wait)

    async def run(self, lane: str, handler: Handler, call: Call) -> Any:
        """Call the blocking handler on a thread; a full ``wait`` lane is an error at once."""
        limiter = self.wait if lane == "wait" else self.quick
        if lane == "wait" and limiter.available_tokens < 1:
            raise MailboxFull(
                f"{int(limiter.total_tokens)} clients already wait for tasks: submit without wait, "
                "and ask for the task later"
            )
        return await to_thread.run_sync(handler, call, limiter=limiter)


def mounted(
    routes: Sequence[Route], kernel: Kernel, max_input: int, lanes: Callable[[], Lanes]
) -> list[StarletteRoute]:
    """The routes for Starlette; each body may hold ``max_input`` bytes and what surrounds it."""
    return [
        StarletteRoute(
            route.path,
            _endpoint(route, kernel, max_input + _HEADROOM, lanes),
            methods=[route.method],
        )
        for route in routes
    ]


def problem_response(error: BaseException, status: int | None = None) -> Response:
    """The error as the client gets it."""
    return _response(problem_of(error, status))


def _endpoint(
    route: Route, kernel: Kernel, max_body: int, lanes: Callable[[], Lanes]
) -> Callable[[Request], Awaitable[Response]]:
    hide = Redactor(kernel.secrets).redact

    async def answer(request: Request) -> Response:
        try:
            body = _parsed_body(await _read(request, max_body), route.body)
            call = Call(kernel, request.path_params, parsed_query(request, route.query), body)
            result = await lanes().run(route.lane, route.handler, call)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001  the client gets it, whatever it is
            result = problem_of(error)
        return _response(result, hide)

    return answer


async def _read(request: Request, limit: int) -> bytes:
    """The body; refuses a long one before it is in memory."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise InvalidInput(f"the request is larger than {limit} bytes: see limits.input_bytes")
        parts.append(part)
    return b"".join(parts)


def _parsed_body(data: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the request's body: {error}") from error


def parsed_query(request: HTTPConnection, kind: type[Q]) -> Q:
    """The query as a struct; a tuple's name may come several times. Raises ``InvalidInput``."""
    hints = get_type_hints(kind)
    names = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    given = request.query_params
    values: dict[str, Any] = {
        name: given.getlist(name)
        if get_origin(hints.get(names.get(name, ""))) is tuple
        else given[name]
        for name in given
    }
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the request's query: {error}") from error


def _response(result: Any, hide: Callable[[bytes], bytes] = bytes) -> Response:
    """``hide`` replaces the secrets in an answer: what a tool returned to us may hold some."""
    if isinstance(result, Problem):
        return Response(hide(msgspec.json.encode(result)), result.status, media_type=MEDIA_TYPE)
    status, body = (result.status, result.body) if isinstance(result, Answer) else (200, result)
    return Response(hide(msgspec.json.encode(body)), status, media_type="application/json")
