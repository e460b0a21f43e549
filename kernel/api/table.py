"""All routes that answer with one value: the API but for its streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..tokens import TokenFile
from . import (
    agents,
    approvals,
    asking,
    elements,
    events,
    journal,
    plugins,
    runs,
    sessions,
    status,
    tasks,
)
from .live.hub import Hub
from .metrics import Requests
from .repeats import Repeats
from .router import Route
from .tickets import Tickets

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["Shared", "table"]


class Shared(NamedTuple):
    """What the Unix socket's application and the one over TCP have in common.

    ``stop`` begins the daemon's stop; every call may come from any thread. ``address`` is where the
    API is reached over TCP, or empty.
    """

    kernel: Kernel
    hub: Hub
    stop: Callable[[str], None]
    address: str
    tokens: TokenFile
    tickets: Tickets
    repeats: Repeats
    requests: Requests


def table(shared: Shared) -> list[Route]:
    """In the order in which they are tried."""
    return [
        *status.routes(
            shared.stop, shared.address, shared.requests, lambda: len(shared.hub.clients)
        ),
        *sessions.routes(shared.tickets, shared.tokens),
        *tasks.ROUTES,
        *runs.ROUTES,
        *agents.ROUTES,
        *elements.ROUTES,
        *plugins.ROUTES,
        *approvals.ROUTES,
        *asking.ROUTES,
        *events.ROUTES,
        *journal.ROUTES,
    ]
