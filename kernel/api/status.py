"""The kernel as a whole: how it is, how it schedules, its figures, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from anyio import to_thread
from msgspec import Meta

from retinue.bus.errors import Unavailable
from retinue.bus.views import StatusView

from .metrics import MEDIA_TYPE, Requests, exposition
from .problems import Problem, problem_of
from .router import Answer, Body, Call, Route, Text
from .tasks import Reason

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["routes"]

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class Scheduler(Body, frozen=True):
    """What to change; what is left out stays as it is."""

    policy: Literal["fifo", "priority", "round_robin"] | None = None
    max_running: Count | None = None
    max_per_agent: Count | None = None
    paused: bool | None = None


class SchedulerView(msgspec.Struct, frozen=True):
    """By what the Scheduler decides."""

    policy: str
    max_running: int
    max_per_agent: int
    paused: bool


class Health(msgspec.Struct, frozen=True):
    """That somebody answers, and who."""

    ok: bool
    name: str


class Stopping(msgspec.Struct, frozen=True):
    """That the stop has begun."""

    stopping: bool


def healthy(call: Call) -> Health:
    """That requests are answered, and nothing more."""
    return Health(ok=True, name=call.kernel.name)


def ready(call: Call) -> Health | Problem:
    """Whether the kernel takes work and can write it down; 503 says why not."""
    status = call.kernel.status()
    if status.state != "running":
        return problem_of(Unavailable(f"the kernel is {status.state}"))
    if status.journal:
        return problem_of(Unavailable(f"the journal cannot be written: {status.journal}"))
    return Health(ok=True, name=status.name)


def scheduler(call: Call) -> SchedulerView:
    """By what the Scheduler decides."""
    told = call.kernel.scheduling()
    return SchedulerView(told.policy, told.max_running, told.max_per_agent, told.paused)


def routes(
    stop: Callable[[str], None], url: str, requests: Requests, followers: Callable[[], int]
) -> tuple[Route, ...]:
    """``stop`` begins the daemon's stop and returns at once; ``url`` is the API's over TCP."""

    def now(kernel: Kernel) -> StatusView:
        return msgspec.structs.replace(kernel.status(), listen=url.partition("//")[2], url=url)

    async def status(call: Call) -> StatusView:
        """The kernel at a glance. What the journal's file holds is up to a second old."""
        kernel = call.kernel
        if kernel.journal.is_stale():  # then its file is read
            return await to_thread.run_sync(now, kernel)
        return now(kernel)

    def schedule(call: Call) -> StatusView:
        """Swap the policy or the caps while the kernel runs."""
        call.kernel.configure_scheduler(**msgspec.structs.asdict(call.body))
        return now(call.kernel)

    def metrics(call: Call) -> Text:
        """The kernel's figures, as Prometheus reads them."""
        return exposition(call.kernel.status(), requests, followers())

    def ask_to_stop(call: Call) -> Answer:
        """Begin the daemon's stop: what runs may end, for as long as the configuration says."""
        stop(call.body.reason)
        return Answer(202, Stopping(stopping=True))

    return (
        Route("GET", "/healthz", healthy, lane="loop", role="public"),
        Route("GET", "/readyz", ready, role="viewer", answers={200: Health}),
        Route("GET", "/metrics", metrics, role="viewer", answers={200: Text("", MEDIA_TYPE)}),
        Route("GET", "/v1/status", status, lane="loop", role="viewer"),
        Route("GET", "/v1/scheduler", scheduler, role="viewer"),
        Route("POST", "/v1/scheduler", schedule, body=Scheduler, role="admin"),
        Route("POST", "/v1/stop", ask_to_stop, body=Reason, role="admin", answers={202: Stopping}),
    )
