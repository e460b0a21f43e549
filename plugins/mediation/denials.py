"""Refusals on their way to be told: each once, and a flood of the same summed up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from retinue.bus.errors import Denied

from ..hosting.calls import CallContext

__all__ = ["Denials", "Tell"]

Tell = Callable[[CallContext, str, Denied, int], None]
"""Hears who was refused what, and how often; must not block."""

SUM_UP = 1.0
"""Seconds for which the same refusal of the same callers is summed up: a plugin may try for ever."""

MAX_KINDS = 32
"""Refusals of the same callers that are told apart within that time."""


class Denials:
    """The first refusal is told at once, those of the next second in one sum. On any loop."""

    def __init__(self, tell: Tell, seconds: float = SUM_UP) -> None:
        """``tell`` is called on the loop of whoever was refused; sums are made for ``seconds``."""
        self._seconds = seconds
        self._tell = tell
        self._repeated: dict[tuple[object, ...], int] = {}

    def add(self, call: CallContext, method: str, error: Denied) -> None:
        """One refusal."""
        key = self._key(call, method, error)
        if key in self._repeated:
            self._repeated[key] += 1
            return
        self._repeated[key] = 0
        self._tell(call, method, error, 1)
        asyncio.get_running_loop().call_later(self._seconds, self._sum_up, key, call, method, error)

    def _key(self, call: CallContext, method: str, error: Denied) -> tuple[object, ...]:
        """What counts as the same: beyond a few, all that these callers are refused."""
        who = (id(asyncio.get_running_loop()), call.principals)
        key = (*who, method, error.rule, error.resource)
        if key in self._repeated or sum(k[:2] == who for k in self._repeated) < MAX_KINDS:
            return key
        return who

    def _sum_up(
        self, key: tuple[object, ...], call: CallContext, method: str, error: Denied
    ) -> None:
        count = self._repeated.pop(key)
        if count:
            self._tell(call, method, error, count)
