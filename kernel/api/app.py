"""The API as one ASGI application: a table of routes over a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from retinue.bus.errors import InvalidInput, NotFound

from . import agents, asking, elements, status, tasks
from .events import EventStreams
from .router import Lanes, mounted, problem_response

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["build"]


def build(kernel: Kernel, streams: EventStreams, stop: Callable[[str], None]) -> Starlette:
    """The application. ``stop`` begins the daemon's stop; every call may come from any thread."""
    made: list[Lanes] = []

    def lanes() -> Lanes:
        if not made:  # limiters belong to the loop that first uses them
            made.append(Lanes())
        return made[0]

    table = [*status.routes(stop), *tasks.ROUTES, *agents.ROUTES, *elements.ROUTES]
    table += asking.ROUTES
    return Starlette(
        routes=[
            *mounted(table, kernel, kernel.config.limits.input_bytes, lanes),
            StarletteRoute("/v1/events", streams.answer, methods=["GET"]),
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
