"""The mirror to Redis, as the configuration asks for it; nothing of it is imported without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.journal import EventStore, identity_of
from retinue.bus.messages import EventBody
from retinue.bus.views import BusView

from .config import Config, ObserversConfig
from .redis_access import access_of

if TYPE_CHECKING:
    from retinue.bus.redis.adapted import Mirrors, Publishes
    from retinue.bus.redis.backlog import Backlog
    from retinue.bus.redis.dialects import Dialect
    from retinue.bus.redis.echoes import Echoes
    from retinue.bus.redis.mirror import Mirror
    from retinue.bus.redis.outbox import Outbox

    from .hearing import Hearing

__all__ = ["HOLD_BACK", "Place", "bus_view", "make_mirror", "redacted"]

HOLD_BACK = 0.02
"""Seconds that a tool waits at most until observers were told that it is called."""


class Place(Protocol):
    """Where observers find the events."""

    @property
    def url(self) -> str:
        """Where to connect; empty when nobody can."""

    def describe(self) -> str:
        """For people."""

    def stop(self) -> None:
        """End it, if it is the kernel's own."""


def make_mirror(
    config: Config,
    start: str,
    report: Callable[[EventBody], None],
    clock: Clock,
    store: EventStore,
    publisher: Publishes | None = None,
    echoes: Echoes | None = None,
) -> tuple[Place, Mirror | None] | None:
    """The server, started, and the mirror to it; ``None`` when none is asked for.

    ``start`` names this start of the kernel. From ``store`` comes what Redis lacks, so make the
    mirror before the first event that it is told of. A server that cannot be had gives no mirror,
    and says why in ``describe``. A ``publisher`` of the program's own takes the place of Redis.
    ``echoes`` is told of what goes to a channel that the kernel also listens to.
    """
    if publisher is None and config.redis == "none":
        return None
    from retinue.bus.redis.adapted import Adapted
    from retinue.bus.redis.backlog import Backlog

    backlog = Backlog(store)
    outbox = _outbox(config.observers, backlog)  # a wrong rule shows before a server is started
    if publisher is not None:
        place = _Program()
        return place, _mirror(config, Adapted(publisher), outbox, place, report, clock)
    from retinue.bus.redis.publisher import Publisher
    from retinue.bus.redis.server import choose_server

    folder = Path(config.state_dir) if config.state_dir else None
    access = access_of(config)
    server = choose_server(config.redis, folder, access)
    if not server.url:
        return server, None
    observers = config.observers
    to_redis = Publisher(
        server.url,
        config.name,
        identity_of(store),
        start=start,
        form=observers.form,
        payload_bytes=observers.payload_bytes,
        max_entries=observers.stream_length,
        max_age=observers.stream_age,
        dialects=_dialects(config, server.url, echoes),
        owns=backlog.owns,
        clock=clock,
        access=access,
    )
    return server, _mirror(config, to_redis, outbox, server, report, clock)


def bus_view(mirrored: tuple[Place, Mirror | None] | None, hearing: Hearing) -> BusView:
    """The mirror, as it is now, and what becomes of what programs outside say."""
    if mirrored is None:
        return BusView("off", "none")
    server, mirror = mirrored
    if mirror is None:
        return BusView("off", server.describe())
    heard = {"telemetry": hearing.counts(), "deaf": hearing.trouble}
    return msgspec.structs.replace(mirror.view(), url=redacted(server), **heard)


def redacted(server: Place) -> str:
    """Where observers connect, without the password that the kernel itself may use."""
    if not server.url:
        return ""
    from retinue.bus.redis.client import redacted as without_secrets

    return without_secrets(server.url)


class _Program:
    url = ""

    def describe(self) -> str:
        return "the program itself"

    def stop(self) -> None:
        return None


def _dialects(of: Config, url: str, echoes: Echoes | None) -> list[Dialect]:
    from retinue.bus.redis.dialects import AgentEvents, LiveLogs, OrchestratorEvents
    from retinue.bus.redis.echoes import Noted
    from retinue.bus.redis.slots import check_slot

    config = of.observers.dialects
    spoken: list[Dialect] = []
    if config.live_logs.enabled:
        logs = LiveLogs(config.live_logs.channel)
        spoken.append(logs if echoes is None else Noted(logs, echoes))
    if config.agent_events.enabled:
        key = config.agent_events.key
        check_slot(url, of.name, key, "observers.dialects.agent_events.key")
        spoken.append(AgentEvents(key))
    if config.orchestrator_events.enabled:
        spoken.append(OrchestratorEvents(config.orchestrator_events.channel))
    return spoken


def _outbox(config: ObserversConfig, backlog: Backlog) -> Outbox:
    from retinue.bus.coalescing import Coalescer
    from retinue.bus.redis.outbox import Outbox
    from retinue.bus.topics import Selection

    return Outbox(
        Selection(config.include, config.exclude, config.sample),
        config.outbox_bytes,
        backlog=backlog,
        coalescer=Coalescer(config.coalesce),
    )


def _mirror(
    config: Config,
    publisher: Mirrors,
    outbox: Outbox,
    place: Place,
    report: Callable[[EventBody], None],
    clock: Clock,
) -> Mirror:
    from retinue.bus.redis.mirror import Mirror

    return Mirror(
        publisher,
        outbox,
        server=place.describe(),
        report=report,
        stream_length=config.observers.stream_length,
        clock=clock,
    )
