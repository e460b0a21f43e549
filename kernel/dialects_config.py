"""Settings of the wire formats that existing consumers read."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = [
    "AgentEventsConfig",
    "DialectsConfig",
    "LiveLogsConfig",
    "OrchestratorEventsConfig",
]

Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1024)]
ChannelName = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{1,200}\Z",
        description="1 to 200 printable ASCII characters without blanks",
    ),
]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, given by keyword; a misspelt key is an error."""


class LiveLogsConfig(_Section, frozen=True):
    """The dialect ``live-logs``: tool calls and thoughts as one flat JSON object each.

    ``enabled`` publishes the kernel's own. ``inbound`` takes in what other programs publish on the
    channel, as events ``telemetry.*``: ``inbound_rate`` messages a second at most, each of
    ``inbound_bytes`` at most. What is over that is dropped and counted.
    """

    enabled: bool = False
    channel: ChannelName = "raro:live_logs"
    inbound: bool = False
    inbound_rate: Count = 1000
    inbound_bytes: Bytes = 64 * 1024


class AgentEventsConfig(_Section, frozen=True):
    """The dialect ``agent-events``: steps, tasks' states, calls and searches, in a stream."""

    enabled: bool = False
    key: ChannelName = "agent_events"


class OrchestratorEventsConfig(_Section, frozen=True):
    """The dialect ``orchestrator-events``: text, tool uses and reasoning, on a channel."""

    enabled: bool = False
    channel: ChannelName = "orchestrator_events"


class DialectsConfig(_Section, frozen=True):
    """Wire formats of existing consumers, spoken beside Retinue's own."""

    live_logs: LiveLogsConfig = LiveLogsConfig()
    agent_events: AgentEventsConfig = AgentEventsConfig()
    orchestrator_events: OrchestratorEventsConfig = OrchestratorEventsConfig()
