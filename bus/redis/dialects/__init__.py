"""Wire formats that existing consumers read: pure projections of the kernel's own events."""

from __future__ import annotations

from .dialect import Dialect, Projected
from .live_logs import LIVE_LOGS_CHANNEL, LiveLogs

__all__ = ["LIVE_LOGS_CHANNEL", "Dialect", "LiveLogs", "Projected"]
