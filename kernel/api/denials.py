"""Refusals as events: one a second for each rule at most, with how many there were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

from retinue.bus.errors import KernelClosed
from retinue.bus.messages import SecurityDenied

__all__ = ["Denials"]

_EVERY = 1.0  # seconds
_MOST = 200  # characters of what somebody outside chose


class Denials:
    """The first refusal of a second tells what it was about, those after it are counted."""

    def __init__(self, say: Callable[[SecurityDenied], None]) -> None:
        """``say`` must not block; all else is the loop's thread's."""
        self._say = say
        self._waiting: dict[str, SecurityDenied] = {}

    def refused(self, rule: str, who: str, action: str, resource: str, detail: str) -> None:
        """``who`` is a token's name, or empty; ``action`` a method, ``resource`` a path."""
        known = self._waiting.get(rule)
        if known is not None:
            self._waiting[rule] = msgspec.structs.replace(known, count=known.count + 1)
            return
        principals = (f"token:{who}",) if who else ()
        self._waiting[rule] = SecurityDenied(
            rule, "api", principals, action[:_MOST], resource[:_MOST], detail[:_MOST]
        )
        asyncio.get_running_loop().call_later(_EVERY, self._tell, rule)

    def flush(self) -> None:
        """Say at once what still waits."""
        for rule in list(self._waiting):
            self._tell(rule)

    def _tell(self, rule: str) -> None:
        denied = self._waiting.pop(rule, None)
        if denied is not None:
            with suppress(KernelClosed):  # nothing is written down any more
                self._say(denied)
