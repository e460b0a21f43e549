"""Moments as people write and read them. Pure: the present is an argument."""

from __future__ import annotations

import re
from datetime import datetime

from retinue.bus.errors import InvalidInput

__all__ = ["clock_time", "moment"]

_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")


def clock_time(seconds: float) -> str:
    """The local time of day with its date, to the second: ``2001-09-09 03:46:40``."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of ``10m`` (ago), an ISO 8601 time, or a number of such seconds.

    A time without a zone is local. Raises ``InvalidInput``.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - float(ago[1]) * _SECONDS[ago[2]]
    try:
        return float(text) if text.strip().replace(".", "", 1).isdigit() else _parsed(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no time: give 90s, 10m, 2h or 1d (ago), a time such as "
            "2025-06-01T14:30, or seconds since the epoch"
        ) from None


def _parsed(text: str) -> float:
    return datetime.fromisoformat(text.strip()).astimezone().timestamp()
