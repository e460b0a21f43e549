"""All routes that answer with one value: the API but for its streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retinue.bus.clock import SystemClock

from ..tokens import TokenFile
from ..version import VERSION
from . import (
    agents,
    approvals,
    asking,
    doctor,
    elements,
    events,
    journal,
    plugins,
    policy,
    reference,
    runs,
    sessions,
    status,
    tasks,
    uploads,
)
from .live.hub import Hub
from .metrics import Requests
from .openapi import document
from .repeats import Repeats
from .router import Route
from .tickets import Tickets

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["Shared", "described", "listed", "table"]


class Shared(NamedTuple):
    """What the Unix socket's application and the one over TCP have in common.

    ``stop`` begins the daemon's stop; every call may come from any thread. ``url`` is where the API
    is reached over TCP, or empty.
    """

    kernel: Kernel
    hub: Hub
    stop: Callable[[str], None]
    url: str
    tokens: TokenFile
    tickets: Tickets
    repeats: Repeats
    requests: Requests


def table(shared: Shared) -> list[Route]:
    """In the order in which they are tried; the last two describe the others."""
    clients = shared.hub.clients
    found = [
        *status.routes(shared.stop, shared.url, shared.requests, lambda: len(clients)),
        *sessions.routes(shared.tickets, shared.tokens),
        *doctor.routes(),
        *_ALIKE,
    ]
    return [*found, *reference.routes(lambda: documented(found))]


def listed() -> list[Route]:
    """The same, of no kernel: for who describes them."""
    return [
        *status.routes(lambda _: None, "", Requests(), lambda: 0),
        *sessions.routes(Tickets(SystemClock()), TokenFile(Path())),
        *doctor.routes(),
        *_ALIKE,
    ]


def described() -> dict[str, Any]:
    """The OpenAPI document, without a kernel."""
    return documented(listed())


def documented(routes: list[Route]) -> dict[str, Any]:
    """The OpenAPI document of these routes, and of those that show it."""
    return document([*routes, *reference.routes(dict)], VERSION)


_ALIKE: tuple[Route, ...] = (
    *tasks.ROUTES,
    *runs.ROUTES,
    *agents.ROUTES,
    *elements.ROUTES,
    *plugins.ROUTES,
    *uploads.ROUTES,
    *approvals.ROUTES,
    *policy.ROUTES,
    *asking.ROUTES,
    *events.ROUTES,
    *journal.ROUTES,
)
"""Those that are the same for every kernel."""
