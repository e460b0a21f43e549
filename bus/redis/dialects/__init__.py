"""Wire formats that existing consumers read: pure projections of the kernel's own events."""

from __future__ import annotations

from .agent_events import AGENT_EVENTS_KEY, AgentEvents
from .dialect import Dialect, Projected
from .live_logs import LIVE_LOGS_CHANNEL, LiveLogs
from .orchestrator_events import ORCHESTRATOR_CHANNEL, OrchestratorEvents

__all__ = [
    "AGENT_EVENTS_KEY",
    "LIVE_LOGS_CHANNEL",
    "ORCHESTRATOR_CHANNEL",
    "AgentEvents",
    "Dialect",
    "LiveLogs",
    "OrchestratorEvents",
    "Projected",
]
