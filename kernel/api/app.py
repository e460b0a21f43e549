"""The API as one ASGI application: a table of routes over a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as StarletteRoute

from retinue.bus.errors import InvalidInput, NotFound

from ..tokens import Role
from .access import OWNER, Access
from .calls import Calls
from .events import EventStreams
from .live.hub import Hub
from .pages import PageFiles
from .responses import problem_response
from .router import Lanes, Mount, Route, mounted
from .sockets import Sockets
from .table import Shared, table

__all__ = ["build"]


def build(shared: Shared, *, guests: bool) -> tuple[Starlette, Access]:
    """The application, and what each of its routes needs; ``guests`` come over TCP, by way of a gate."""
    made: list[Lanes] = []

    def lanes() -> Lanes:
        if not made:  # limiters belong to the loop that first uses them
            made.append(Lanes())
        return made[0]

    owner = None if guests else OWNER
    calls = Calls(shared.hub, guests=guests)
    mount = Mount(shared.kernel, lanes, shared.repeats, shared.requests, owner, calls)
    entries = _entries(table(shared), mount, shared.hub, guests=guests)
    inner = Starlette(
        routes=[route for route, _ in entries],
        exception_handlers={404: _no_such_path, 405: _no_such_method},
    )
    return inner, Access(entries)


def _entries(
    routes: Sequence[Route], mount: Mount, hub: Hub, *, guests: bool
) -> list[tuple[BaseRoute, Role]]:
    streams = EventStreams(hub, guests=guests)
    events = StarletteRoute("/v1/events", streams.answer, methods=["GET"])
    found: list[tuple[BaseRoute, Role]] = [(events, "viewer")]
    roles = [route.role for route in routes]
    found += zip(mounted(routes, mount), roles, strict=True)
    found += [(route, "public") for route in PageFiles(mount.kernel.pages).routes()]
    sockets: list[WebSocketRoute] = Sockets(hub, guests=guests).routes()
    return [*found, *((route, "observer") for route in sockets)]


def _no_such_path(request: Request, _: Exception) -> Response:
    return problem_response(NotFound(f"there is nothing at {request.url.path}: see /openapi.json"))


def _no_such_method(request: Request, error: Exception) -> Response:
    allowed = (error.headers or {}).get("Allow", "") if isinstance(error, HTTPException) else ""
    return problem_response(
        InvalidInput(f"{request.url.path} does not take {request.method}, but {allowed}"),
        405,
        {"allow": allowed},
    )
