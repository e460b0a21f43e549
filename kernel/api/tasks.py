"""Tasks and runs: submit, look, wait, cancel, try again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from retinue.bus.errors import DeadlineExceeded, TaskCancelled, TaskFailed
from retinue.bus.views import AcceptedView, RunView, TaskView

from .router import Answer, Body, Call, Query, Route

if TYPE_CHECKING:
    from ..handles import TaskHandle

__all__ = ["ROUTES"]

Wait = Annotated[float, Meta(ge=0, le=600)]
Limit = Annotated[int, Meta(ge=1, le=10_000)]


class Submit(Body, frozen=True):
    """A task to be done. ``deadline`` is in seconds from now; ``priority`` 0 to 9, 9 most urgent."""

    agent: str
    input: dict[str, Any] = {}
    priority: int = 5
    deadline: float | None = None
    key: str | None = None
    parent: str | None = None


class Waiting(Query, frozen=True):
    """How many seconds to wait for the end of the task; without it, none."""

    wait: Wait = 0.0


class Fork(Body, frozen=True):
    """Where to go on: at the event with that ``seq``, and with another input, if any is given."""

    at: int | None = None
    input: dict[str, Any] | None = None


class Chosen(Query, frozen=True):
    """Which tasks to list, newest first."""

    state: str | None = None
    agent: str | None = None
    run: str | None = None
    limit: Limit = 100


class Limited(Query, frozen=True):
    """How many to list, newest first."""

    limit: Limit = 100


class Reason(Body, frozen=True):
    """Why, in words, for those who read the events later."""

    reason: str = "asked for by an operator"


def submit(call: Call) -> Answer:
    """202 with the accepted task, or 200 with the ended one when it ended within ``wait``.

    Its ``cursor`` is a ``seq`` before the run's first event: ``Last-Event-ID``, or ``from`` plus one.
    """
    asked: Submit = call.body
    handle = call.kernel.submit(
        asked.agent,
        asked.input,
        priority=asked.priority,
        deadline=asked.deadline,
        key=asked.key,
        parent=asked.parent,
    )
    return _after(call, handle)


def retry(call: Call) -> Answer:
    """The new task that does an ended one again; answers as ``submit`` does."""
    return _after(call, call.kernel.retry(call.params["id"]))


def fork(call: Call) -> Answer:
    """The root task of a new run that goes on from another one; answers as ``submit`` does."""
    asked: Fork = call.body
    return _after(call, call.kernel.fork(call.params["id"], asked.at, asked.input))


def wait(call: Call) -> Answer:
    """The task, once it ended or ``wait`` seconds have passed."""
    return _after(call, call.kernel.handle(call.params["id"]))


def show(call: Call) -> TaskView:
    """One task."""
    return call.kernel.task(call.params["id"])


def listing(call: Call) -> list[TaskView]:
    """Tasks, newest first."""
    return call.kernel.tasks(**msgspec.structs.asdict(call.query))


def show_run(call: Call) -> RunView:
    """One run."""
    return call.kernel.run(call.params["id"])


def list_runs(call: Call) -> list[RunView]:
    """Runs, newest first."""
    return call.kernel.runs(limit=call.query.limit)


def cancel(call: Call) -> Answer:
    """Ask for the end of a task or run and of everything under it; false when it had ended."""
    cancelled = call.kernel.cancel(call.params["id"], call.body.reason)
    return Answer(202, {"id": call.params["id"], "cancelled": cancelled})


def _after(call: Call, handle: TaskHandle) -> Answer:
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


ROUTES = (
    Route("POST", "/v1/tasks", submit, Waiting, Submit, "wait"),
    Route("GET", "/v1/tasks", listing, Chosen),
    Route("GET", "/v1/tasks/{id}", show),
    Route("GET", "/v1/tasks/{id}/wait", wait, Waiting, lane="wait"),
    Route("POST", "/v1/tasks/{id}/cancel", cancel, body=Reason),
    Route("POST", "/v1/tasks/{id}/retry", retry, Waiting, lane="wait"),
    Route("GET", "/v1/runs", list_runs, Limited),
    Route("GET", "/v1/runs/{id}", show_run),
    Route("POST", "/v1/runs/{id}/cancel", cancel, body=Reason),
    Route("POST", "/v1/runs/{id}/fork", fork, Waiting, Fork, "wait"),
)
