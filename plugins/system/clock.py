"""``clock``: what time it is, and waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import InvalidInput

from ..plugin import Plugin
from ..tools import Tool
from .settings import read_settings

__all__ = ["Settings", "plugin"]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``max_sleep`` is the longest sleep that an agent may ask for, in seconds."""

    max_sleep: float = 3600.0


class _Clock:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def now(self, zone: str = "UTC") -> dict[str, Any]:
        """The time: ``epoch`` in seconds, and ``iso`` with the offset of the zone.

        Args:
            zone: an IANA time zone, such as Europe/Berlin
        """
        epoch = self._clock.time()
        return {"epoch": epoch, "iso": datetime.fromtimestamp(epoch, _zone(zone)).isoformat()}

    async def sleep(self, seconds: float) -> float:
        """Wait, and return the seconds waited; a cancel ends it at once.

        Args:
            seconds: how long, from 0 up to the limit that the operator set
        """
        longest = self._settings.max_sleep
        if not 0 <= seconds <= longest:
            raise InvalidInput(f"tool 'clock.sleep': {seconds} s is outside 0 to {longest} s")
        started = self._clock.monotonic()
        await asyncio.sleep(seconds)
        return self._clock.monotonic() - started


def plugin(settings: Mapping[str, Any], clock: Clock | None = None) -> Plugin:
    """The plugin; ``clock`` is the machine's by default."""
    read = read_settings(settings, Settings, "clock")
    source = _Clock(read, clock or SystemClock())
    return Plugin(
        "clock",
        "1.0",
        tools=[Tool(source.now), Tool(source.sleep)],
        description="What time it is, and waiting",
    )


def _zone(name: str) -> tzinfo:
    if name == "UTC":  # also on a machine without a time zone database
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(
            f"tool 'clock.now': no time zone {name!r}; write one like UTC or Europe/Berlin"
        ) from error
