"""The API as one ASGI application: a table of routes over a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from retinue.bus.errors import InvalidInput, NotFound

from . import agents, approvals, asking, elements, events, journal, plugins, status, tasks
from .events import EventStreams
from .gate import Authorise, Gate, anyone_here, names_of
from .live.hub import Hub
from .router import Lanes, Route, mounted, problem_response
from .sockets import Sockets

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["build", "build_for_observers"]


def build(kernel: Kernel, hub: Hub, stop: Callable[[str], None], address: str) -> Starlette:
    """The application. ``stop`` begins the daemon's stop; every call may come from any thread.

    ``address`` is where observers reach it over TCP, or empty.
    """
    table = [
        *status.routes(stop, address),
        *tasks.ROUTES,
        *agents.ROUTES,
        *elements.ROUTES,
        *approvals.ROUTES,
    ]
    table += [*plugins.ROUTES, *asking.ROUTES, *events.ROUTES, *journal.ROUTES]
    return _application(kernel, hub, table, guests=False)


def build_for_observers(
    kernel: Kernel, hub: Hub, host: str, port: int, authorise: Authorise = anyone_here
) -> Gate:
    """What can be read, and nothing that changes anything, for clients over TCP."""
    table = [status.HEALTH, *events.ROUTES]
    inner = _application(kernel, hub, table, guests=True)
    return Gate(inner, names_of(host, port), authorise)


def _application(kernel: Kernel, hub: Hub, table: Sequence[Route], *, guests: bool) -> Starlette:
    made: list[Lanes] = []

    def lanes() -> Lanes:
        if not made:  # limiters belong to the loop that first uses them
            made.append(Lanes())
        return made[0]

    streams = EventStreams(hub, guests=guests)
    return Starlette(
        routes=[
            StarletteRoute("/v1/events", streams.answer, methods=["GET"]),
            *mounted(table, kernel, kernel.config.limits.input_bytes, lanes),
            *Sockets(hub, guests=guests).routes(),
        ],
        exception_handlers={404: _no_such_path, 405: _no_such_method},
    )


def _no_such_path(request: Request, _: Exception) -> Response:
    return problem_response(NotFound(f"there is nothing at {request.url.path}: see /v1/status"))


def _no_such_method(request: Request, error: Exception) -> Response:
    allowed = (error.headers or {}).get("Allow", "") if isinstance(error, HTTPException) else ""
    return problem_response(
        InvalidInput(f"{request.url.path} does not take {request.method}, but {allowed}"), 405
    )
