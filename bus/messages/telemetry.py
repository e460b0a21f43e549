"""Telemetry of programs that are not agents of this kernel, as they published it.

Such an event says what somebody outside has claimed. It changes nothing that the kernel knows.
Its header has the run and the agent that were named; the fields are those of ``live-logs``, with
their names there. ``timestamp`` is the program's own, in ISO 8601.
"""

from __future__ import annotations

from msgspec import Raw

from .base import Event

__all__ = [
    "TelemetryDropped",
    "TelemetryThought",
    "TelemetryToolCalled",
    "TelemetryToolReturned",
]


class TelemetryToolCalled(Event, frozen=True, tag="telemetry.tool_called"):
    """A program outside called a tool of its own."""

    category: str
    message: str
    metadata: str
    timestamp: str
    tool_name: str
    args: Raw


class TelemetryToolReturned(Event, frozen=True, tag="telemetry.tool_returned"):
    """A tool of a program outside returned; ``metadata`` is ``IO_OK`` or ``IO_ERR``."""

    category: str
    message: str
    metadata: str
    timestamp: str
    tool_name: str
    duration_ms: int


class TelemetryThought(Event, frozen=True, tag="telemetry.thought"):
    """A program outside wants a step seen."""

    category: str
    message: str
    metadata: str
    timestamp: str


class TelemetryDropped(Event, frozen=True, tag="bus.telemetry_dropped"):
    """Messages of programs outside were not taken in, since this was said last.

    It is said once a minute at most. ``malformed`` and ``too_large`` broke a rule, ``flood`` came
    faster than may be, ``ended`` named a run that has ended, ``unread`` found the kernel too far
    behind. ``cut_off`` is how often Redis gave up on the kernel's connection as such, with a number
    of messages that nobody knows. ``example`` says what was wrong with one of the malformed.
    """

    channel: str
    malformed: int = 0
    too_large: int = 0
    flood: int = 0
    ended: int = 0
    unread: int = 0
    cut_off: int = 0
    example: str = ""
