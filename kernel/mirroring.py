"""The mirror to Redis, as the configuration asks for it; nothing of it is imported without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from retinue.bus.clock import Clock
from retinue.bus.messages import EventBody

from .config import Config

if TYPE_CHECKING:
    from retinue.bus.redis.mirror import Mirror
    from retinue.bus.redis.server import Server

__all__ = ["HOLD_BACK", "make_mirror", "redacted"]

HOLD_BACK = 0.02
"""Seconds that a tool waits at most until observers were told that it is called."""


def make_mirror(
    config: Config, journal: str, report: Callable[[EventBody], None], clock: Clock
) -> tuple[Server, Mirror | None] | None:
    """The server, started, and the mirror to it; ``None`` when none is asked for.

    ``journal`` names this start of the kernel, whose events are numbered anew. A server that
    cannot be had gives no mirror, and says why in ``describe``.
    """
    if config.redis == "none":
        return None
    from retinue.bus.redis.mirror import Mirror
    from retinue.bus.redis.outbox import Outbox
    from retinue.bus.redis.publisher import Publisher
    from retinue.bus.redis.server import choose_server
    from retinue.bus.topics import Selection

    folder = Path(config.state_dir) if config.state_dir else None
    server = choose_server(config.redis, folder)
    if not server.url:
        return server, None
    observers = config.observers
    logs = observers.dialects.live_logs
    publisher = Publisher(
        server.url,
        config.name,
        journal,
        max_entries=observers.stream_length,
        live_logs=logs.channel if logs.enabled else "",
        clock=clock,
    )
    chosen = Selection(observers.include, observers.exclude)
    outbox = Outbox(chosen, observers.outbox_bytes)
    return server, Mirror(publisher, outbox, server=server.describe(), report=report, clock=clock)


def redacted(server: Server) -> str:
    """Where observers connect, without the password that the kernel itself may use."""
    from retinue.bus.redis.client import redacted as without_secrets

    return without_secrets(server.url)
