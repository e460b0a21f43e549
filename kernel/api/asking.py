"""Questions to a running kernel: why, what became of messages, and what found no reader."""

from __future__ import annotations

import msgspec

from ..asking.letters import Opened
from ..asking.records import Letter
from ..asking.why import Answer as Explanation
from .router import Call, Query, Route
from .tasks import Limit, Reason

__all__ = ["ROUTES"]


class Letters(Query, frozen=True):
    """How many, newest first; ``all``: those too that were redriven or purged."""

    limit: Limit = 100
    all: bool = False


class Redriven(msgspec.Struct, frozen=True):
    """The new task, or the actor that got the message."""

    id: str
    to: str


class Purged(msgspec.Struct, frozen=True):
    """That a dead letter was dealt with."""

    id: str
    purged: bool


def explain(call: Call) -> Explanation:
    """Why a task, a run or an event is as it is."""
    return call.kernel.why(call.params["id"])


def actors(call: Call) -> dict[str, dict[str, int]]:
    """What became of the messages that each actor was sent."""
    return call.kernel.balances()


def list_letters(call: Call) -> list[Letter]:
    """Dead letters: messages without a reader, and tasks that failed for good."""
    return call.kernel.letters.list(call.query.limit, dealt=call.query.all)


def open_letter(call: Call) -> Opened:
    """One dead letter, with its payload."""
    return call.kernel.letters.open(call.params["id"])


def redrive(call: Call) -> Redriven:
    """Send the message again, or do the task again."""
    return Redriven(call.params["id"], call.kernel.letters.redrive(call.params["id"]))


def purge(call: Call) -> Purged:
    """Mark a dead letter as dealt with."""
    call.kernel.letters.purge(call.params["id"], call.body.reason)
    return Purged(call.params["id"], purged=True)


ROUTES = (
    Route("GET", "/v1/why/{id}", explain, role="viewer"),
    Route("GET", "/v1/actors", actors, role="viewer"),
    Route("GET", "/v1/dead", list_letters, Letters, role="viewer"),
    Route("GET", "/v1/dead/{id}", open_letter, role="viewer"),
    Route("POST", "/v1/dead/{id}/redrive", redrive, role="operator"),
    Route("POST", "/v1/dead/{id}/purge", purge, body=Reason, role="operator"),
)
