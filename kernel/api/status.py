"""The kernel as a whole: how it is, how it schedules, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from retinue.bus.views import StatusView

from .router import Answer, Body, Call, Route
from .tasks import Reason

__all__ = ["HEALTH", "routes"]

Count = Annotated[int, Meta(ge=1)]


class Scheduler(Body, frozen=True):
    """What to change; what is left out stays as it is."""

    policy: str | None = None
    max_running: Count | None = None
    max_per_agent: Count | None = None
    paused: bool | None = None


def healthy(call: Call) -> dict[str, Any]:
    """That requests are answered, and nothing more."""
    return {"ok": True, "name": call.kernel.name}


HEALTH = Route("GET", "/healthz", healthy)


def routes(stop: Callable[[str], None], address: str = "") -> tuple[Route, ...]:
    """``stop`` begins the daemon's stop and returns at once; ``address`` is for observers over TCP."""

    def status(call: Call) -> StatusView:
        """The kernel at a glance."""
        return msgspec.structs.replace(call.kernel.status(), listen=address)

    def schedule(call: Call) -> StatusView:
        """Swap the policy or the caps while the kernel runs."""
        call.kernel.configure_scheduler(**msgspec.structs.asdict(call.body))
        return status(call)

    def ask_to_stop(call: Call) -> Answer:
        stop(call.body.reason)
        return Answer(202, {"stopping": True})

    return (
        HEALTH,
        Route("GET", "/v1/status", status),
        Route("POST", "/v1/scheduler", schedule, body=Scheduler),
        Route("POST", "/v1/stop", ask_to_stop, body=Reason),
    )
