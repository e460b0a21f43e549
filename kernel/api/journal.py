"""The journal: how much is kept, who needs it, and letting go of the rest."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from retinue.actors.keeping import Trimmed
from retinue.bus.views import JournalView

from .router import Body, Call, Route

__all__ = ["ROUTES"]


class Cursor(Body, frozen=True):
    """The last event that the reader has."""

    seq: Annotated[int, Meta(ge=0)]


def show(call: Call) -> JournalView:
    """What is kept, how large it is, what bounds it, and who holds it."""
    return call.kernel.journal.view()


def trim(call: Call) -> Trimmed:
    """Let go now of what is over the bounds."""
    return call.kernel.journal.trim()


def register(call: Call) -> dict[str, Any]:
    """A reader has everything up to an event: what follows is kept for it."""
    name = call.params["name"]
    call.kernel.journal.register(name, call.body.seq)
    return {"reader": name, "seq": call.body.seq}


def forget(call: Call) -> dict[str, Any]:
    """The reader needs nothing more."""
    name = call.params["name"]
    call.kernel.journal.forget(name)
    return {"reader": name, "forgotten": True}


ROUTES = (
    Route("GET", "/v1/journal", show),
    Route("POST", "/v1/journal/trim", trim, lane="wait"),
    Route("POST", "/v1/journal/readers/{name}", register, body=Cursor),
    Route("DELETE", "/v1/journal/readers/{name}", forget),
)
