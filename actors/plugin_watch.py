"""What happens to a confined process, written down as events."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from retinue.bus.errors import CodecError, Denied
from retinue.bus.messages import (
    EventBody,
    PluginExited,
    PluginLogged,
    PluginQuarantined,
    PluginStarted,
    SecurityDenied,
)
from retinue.plugins.hosting.calls import CallContext
from retinue.plugins.protocol.rules import Violation
from retinue.plugins.sandbox.cgroups import Exceeded
from retinue.plugins.sandbox.notices import Refused

__all__ = ["PluginWatch", "Refusals", "told_denial"]

_SUM_UP = 1.0
"""Seconds for which refusals of one system call are summed up: a plugin may try for ever."""


class Refusals:
    """What one process was refused by its walls; called on the loop of its process."""

    def __init__(self, principal: str, say: Callable[[EventBody], None]) -> None:
        """``principal`` is as in ``SecurityDenied``; ``say`` may be called from any thread."""
        self._principals = (principal,)
        self._say = say
        self._repeated: Counter[str] = Counter()

    def refused(self, call: Refused) -> None:
        """The first refusal of a call is told at once, those of the next second in one sum."""
        if call.name in self._repeated:
            self._repeated[call.name] += 1
            return
        self._repeated[call.name] = 0
        self._denied(call.name, 1)
        asyncio.get_running_loop().call_later(_SUM_UP, self._sum_up, call.name)

    def violated(self, error: Violation | CodecError) -> None:
        """It broke the protocol."""
        self._say(SecurityDenied("protocol", "protocol", self._principals, detail=str(error)))

    def exceeded(self, bound: Exceeded) -> None:
        """It met a bound, so often: one of its cgroup at its end, one of the host's in this minute."""
        rule, whole = f"limits.{bound.limit}", bound.layer == "cgroup"
        detail = (
            f"its processes together met {rule}" if whole else f"what is over {rule} is dropped"
        )
        told = (rule, bound.layer, self._principals, bound.action, bound.limit, detail, bound.times)
        self._say(SecurityDenied(*told))

    def _sum_up(self, call: str) -> None:
        count = self._repeated.pop(call)
        if count:
            self._denied(call, count)

    def _denied(self, call: str, count: int) -> None:
        told = (f"syscall.{call}", "seccomp", self._principals, "system call", call, "", count)
        self._say(SecurityDenied(*told))


class PluginWatch(Refusals):
    """Writes for one plugin; called on the loop of its process."""

    def __init__(self, name: str, version: str, say: Callable[[EventBody], None]) -> None:
        """``say`` appends an event that belongs to no task; any thread may call it."""
        super().__init__(f"plugin:{name}", say)
        self._name = name
        self._version = version

    def started(self, pid: int, level: str, layers: tuple[str, ...], seconds: float) -> None:
        """It runs."""
        self._say(PluginStarted(self._name, self._version, pid, level, layers, seconds))

    def logged(self, stream: str, line: str) -> None:
        """A line of its own."""
        self._say(PluginLogged(self._name, stream, line))

    def exited(self, reason: str, restart: float | None, seconds: float) -> None:
        """It ended unbidden."""
        self._say(PluginExited(self._name, reason, restart, seconds))
        if restart is None:
            self._say(PluginQuarantined(self._name, reason))


def told_denial(call: CallContext, method: str, error: Denied, count: int = 1) -> SecurityDenied:
    """The event for something that a plugin asked for and was refused, so many times."""
    return SecurityDenied(
        error.rule,
        "mediation",
        call.principals.chain,
        method,
        error.resource[:1000],
        str(error)[:1000],
        count,
    )
