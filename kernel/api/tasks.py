"""Tasks: submit, look, wait, cancel, try again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from retinue.bus.errors import DeadlineExceeded, TaskCancelled, TaskFailed
from retinue.bus.views import AcceptedView, TaskView

from .paging import paged
from .reading import within
from .router import Answer, Body, Call, Query, Route

if TYPE_CHECKING:
    from ..handles import TaskHandle

__all__ = [
    "ACCEPTED",
    "ROUTES",
    "Cancelled",
    "Limit",
    "Limited",
    "Reason",
    "Waiting",
    "after",
    "cancel",
]

Wait = Annotated[float, Meta(ge=0, le=600)]
Limit = Annotated[int, Meta(ge=1, le=10_000)]
Name = Annotated[str, Meta(max_length=200)]
State = Literal[
    "submitted",
    "queued",
    "scheduled",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "outcome_unknown",
]


class Submit(Body, frozen=True):
    """A task to be done. ``deadline`` is in seconds from now; ``priority`` 0 to 9, 9 most urgent.

    A ``key`` that was used before gives the task that has it; so does the header ``Idempotency-Key``.
    """

    agent: Name
    input: dict[str, Any] = {}
    priority: Annotated[int, Meta(ge=0, le=9)] = 5
    deadline: Annotated[float, Meta(gt=0)] | None = None
    key: Name | None = None
    parent: Name | None = None


class Waiting(Query, frozen=True):
    """How many seconds to wait for the end of the task; without it, none."""

    wait: Wait = 0.0


class Chosen(Query, frozen=True):
    """Which tasks to list, newest first; ``before``: those that are older than this one."""

    state: State | None = None
    agent: Name | None = None
    run: Name | None = None
    before: Name | None = None
    limit: Limit = 100


class Limited(Query, frozen=True):
    """How many to list, newest first."""

    limit: Limit = 100


class Reason(Body, frozen=True):
    """Why, in words, for those who read the events later."""

    reason: Annotated[str, Meta(max_length=2_000)] = "asked for by an operator"


class Cancelled(msgspec.Struct, frozen=True):
    """Whether there was something left to cancel."""

    id: str
    cancelled: bool


def submit(call: Call) -> Answer:
    """202 with the accepted task, or 200 with the ended one when it ended within ``wait``.

    Its ``cursor`` is a ``seq`` before the run's first event: ``Last-Event-ID``, or ``from`` plus one.
    """
    asked: Submit = call.body
    with within("/input"):
        handle = call.kernel.submit(
            asked.agent,
            asked.input,
            priority=asked.priority,
            deadline=asked.deadline,
            key=asked.key or call.key or None,
            parent=asked.parent,
        )
    return after(call, handle)


def retry(call: Call) -> Answer:
    """The new task that does an ended one again; answers as ``submit`` does."""
    return after(call, call.kernel.retry(call.params["id"]))


def wait(call: Call) -> Answer:
    """The task, once it ended or ``wait`` seconds have passed."""
    return after(call, call.kernel.handle(call.params["id"]))


def show(call: Call) -> TaskView:
    """One task."""
    return call.kernel.task(call.params["id"])


def listing(call: Call) -> Answer:
    """Tasks, newest first; the header ``Link`` has the next page."""
    query: Chosen = call.query
    found = call.kernel.tasks(**msgspec.structs.asdict(query))
    return paged(found, query, "/v1/tasks")


def cancel(call: Call) -> Answer:
    """Ask for the end of a task or run and of everything under it; false when it had ended."""
    cancelled = call.kernel.cancel(call.params["id"], call.body.reason)
    return Answer(202, Cancelled(call.params["id"], cancelled))


def after(call: Call, handle: TaskHandle) -> Answer:
    """The state is in the view; how the wait went only decides between 200 and 202."""
    status = 202
    if call.query.wait:
        try:
            handle.result(timeout=call.query.wait)
            status = 200
        except (TaskFailed, TaskCancelled):
            status = 200
        except DeadlineExceeded:
            status = 202
    view = call.kernel.task(handle.id)
    return Answer(status, AcceptedView(**msgspec.structs.asdict(view), cursor=handle.cursor))


ACCEPTED = {200: AcceptedView, 202: AcceptedView}

ROUTES = (
    Route("POST", "/v1/tasks", submit, Waiting, Submit, "wait", "operator", ACCEPTED),
    Route("GET", "/v1/tasks", listing, Chosen, role="viewer", answers={200: list[TaskView]}),
    Route("GET", "/v1/tasks/{id}", show, role="viewer"),
    Route(
        "GET", "/v1/tasks/{id}/wait", wait, Waiting, lane="wait", role="viewer", answers=ACCEPTED
    ),
    Route(
        "POST",
        "/v1/tasks/{id}/cancel",
        cancel,
        body=Reason,
        role="operator",
        answers={202: Cancelled},
    ),
    Route(
        "POST",
        "/v1/tasks/{id}/retry",
        retry,
        Waiting,
        lane="wait",
        role="operator",
        answers=ACCEPTED,
    ),
)
