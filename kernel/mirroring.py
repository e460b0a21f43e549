"""The mirror to Redis, as the configuration asks for it; nothing of it is imported without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retinue.bus.clock import Clock
from retinue.bus.messages import EventBody

from .config import Config
from .redis_access import access_of

if TYPE_CHECKING:
    from retinue.bus.redis.mirror import Mirror, Publishes

__all__ = ["HOLD_BACK", "Place", "make_mirror", "redacted"]

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
    journal: str,
    report: Callable[[EventBody], None],
    clock: Clock,
    publisher: Publishes | None = None,
) -> tuple[Place, Mirror | None] | None:
    """The server, started, and the mirror to it; ``None`` when none is asked for.

    ``journal`` names this start of the kernel, whose events are numbered anew. A server that
    cannot be had gives no mirror, and says why in ``describe``. A ``publisher`` of the program's
    own takes the place of Redis.
    """
    if publisher is not None:
        place = _Program()
        return place, _mirror(config, publisher, place, report, clock)
    if config.redis == "none":
        return None
    from retinue.bus.redis.publisher import Publisher
    from retinue.bus.redis.server import choose_server

    folder = Path(config.state_dir) if config.state_dir else None
    access = access_of(config)
    server = choose_server(config.redis, folder, access)
    if not server.url:
        return server, None
    observers = config.observers
    logs = observers.dialects.live_logs
    to_redis = Publisher(
        server.url,
        config.name,
        journal,
        max_entries=observers.stream_length,
        live_logs=logs.channel if logs.enabled else "",
        clock=clock,
        access=access,
    )
    return server, _mirror(config, to_redis, server, report, clock)


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


def _mirror(
    config: Config,
    publisher: Publishes,
    place: Place,
    report: Callable[[EventBody], None],
    clock: Clock,
) -> Mirror:
    from retinue.bus.redis.mirror import Mirror
    from retinue.bus.redis.outbox import Outbox
    from retinue.bus.topics import Selection

    observers = config.observers
    outbox = Outbox(Selection(observers.include, observers.exclude), observers.outbox_bytes)
    return Mirror(publisher, outbox, server=place.describe(), report=report, clock=clock)
