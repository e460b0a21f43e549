"""Which events a client wants."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import urlencode

import msgspec

from retinue.bus.envelope import Envelope
from retinue.bus.journal import Filter

__all__ = ["Wanted"]


class Wanted(msgspec.Struct, frozen=True):
    """Empty names match all; ``types`` are globs. Clients that want the same share one work.

    ``cause`` is the id of the message that led to the events, as of a call of a tool.
    """

    run: str = ""
    task: str = ""
    agent: str = ""
    types: tuple[str, ...] = ()
    cause: str = ""

    def concerns(self, envelope: Envelope) -> bool:
        """Whether run, task, agent and cause are wanted ones."""
        return (
            (not self.run or envelope.run == self.run)
            and (not self.task or envelope.task == self.task)
            and (not self.agent or envelope.agent == self.agent)
            and (not self.cause or envelope.cause == self.cause)
        )

    def has_type(self, type: str) -> bool:
        """Whether the type is a wanted one."""
        return not self.types or _matches(self.types, type)

    def filter(self) -> Filter | None:
        """The same for a journal, which knows no causes; ``None`` for everything."""
        only = Filter(self.run, self.task, self.agent, self.types)
        return None if only == Filter() else only

    def between(self, first: int, last: int) -> str:
        """The request that gives just these events, of those from ``first`` to ``last``."""
        query: dict[str, object] = {"from": first, "to": last}
        named = {"run": self.run, "task": self.task, "agent": self.agent, "type": self.types}
        named["cause"] = self.cause
        query |= {name: value for name, value in named.items() if value}
        return f"GET /v1/events?{urlencode(query, doseq=True)}"


@lru_cache(maxsize=4096)
def _matches(globs: tuple[str, ...], type: str) -> bool:
    return any(fnmatchcase(type, glob) for glob in globs)
