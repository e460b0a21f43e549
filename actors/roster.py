"""The agents that there are: written by the kernel when one is spawned or stopped, read by all."""

from __future__ import annotations

import difflib
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput, UnknownAgent
from retinue.plugins import AgentSpec

from .runtime import ActorRef

__all__ = ["Entry", "Roster"]


class Entry(msgspec.Struct, frozen=True):
    """One agent: what it is, how it runs, and the actor that runs it."""

    name: str
    spec: AgentSpec
    isolation: str
    tools: tuple[str, ...]
    model: str
    ref: ActorRef[Any]
    places: int = 1
    level: str = ""
    """Of the walls around its process; empty where it has none."""


class Roster:
    """Agents by name. Reading needs no lock: each change replaces one key of a dict."""

    def __init__(self) -> None:
        """Start with no agent."""
        self._entries: dict[str, Entry] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def entries(self) -> list[Entry]:
        """All agents, in the order in which they were spawned."""
        return list(self._entries.values())

    def find(self, name: str) -> Entry:
        """The agent; raises ``UnknownAgent`` that offers the nearest name."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownAgent(f"no agent is named {name!r}: {self._remedy(name)}") from None

    def check_free(self, name: str) -> None:
        """Raise ``InvalidInput`` when the name is taken."""
        if name in self._entries:
            raise InvalidInput(
                f"an agent is named {name!r} already: stop it first, or choose another name"
            )

    def add(self, entry: Entry) -> None:
        """Take an agent in; raises ``InvalidInput`` when the name is taken."""
        if self._entries.setdefault(entry.name, entry) is not entry:
            self.check_free(entry.name)

    def remove(self, name: str) -> Entry:
        """Take the agent out and return it; raises ``UnknownAgent``."""
        entry = self.find(name)
        del self._entries[name]
        return entry

    def _remedy(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._entries, n=1)
        if near:
            return f"did you mean {near[0]!r}?"
        return "`retinue agents list` shows those that there are"
