"""Who writes down what happens to a plugin."""

from __future__ import annotations

from typing import Protocol

from retinue.bus.errors import CodecError

from ..protocol.rules import Violation
from ..sandbox import notices
from ..sandbox.cgroups import Exceeded

__all__ = ["PluginWatch"]


class PluginWatch(Protocol):
    """Who writes down what happens to a plugin; called on its loop, and never to block."""

    def started(self, pid: int, level: str, layers: tuple[str, ...], seconds: float) -> None:
        """Its process runs behind these walls and has loaded the plugin's code."""

    def refused(self, call: notices.Refused) -> None:
        """A system call of its was refused."""

    def violated(self, error: Violation | CodecError) -> None:
        """It broke the protocol, or asked for what it was not granted."""

    def logged(self, stream: str, line: str) -> None:
        """A line that it wrote."""

    def exceeded(self, bound: Exceeded) -> None:
        """A bound that it met: the host's at once, one on all its processes at its end. Any thread."""

    def exited(self, reason: str, restart: float | None, seconds: float) -> None:
        """Its process ended unbidden; it starts again in ``restart`` seconds, or never by itself."""
