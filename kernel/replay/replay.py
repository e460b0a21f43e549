"""A run, run again: the kernel's decisions and the agents' code, on recorded answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from retinue.bus.codec import encode_envelope
from retinue.bus.envelope import Event
from retinue.plugins import AgentSpec, Plugin

from ..asking.source import Source
from .code import Code
from .divergence import Divergence
from .offline import offline
from .recording import Recording
from .search import search
from .whatif import changed

__all__ = ["Replay", "replay", "replay_events"]

Agents = Mapping[str, AgentSpec | Callable[..., Any]]
Plugins = Sequence[Plugin] | Mapping[str, Any]
Changes = Mapping[int, Mapping[str, Any]]


class Replay(msgspec.Struct, frozen=True):
    """What came of it. ``events`` are those made anew, up to the first divergence.

    ``given`` names what was taken as recorded because its code is not here, and why. ``tries``
    counts the orders of simultaneous things that were tried until one gave the recorded events.
    """

    run: str
    events: tuple[Event, ...]
    recorded: int
    divergence: Divergence | None
    given: Mapping[str, str]
    tries: int

    @property
    def same(self) -> bool:
        """Whether every event was made anew, byte for byte."""
        return self.divergence is None and len(self.events) == self.recorded

    @property
    def bytes(self) -> bytes:
        """The events, encoded one after the other."""
        return b"".join(encode_envelope(event.envelope) for event in self.events)

    @property
    def digest(self) -> str:
        """SHA-256 of ``bytes``."""
        return hashlib.sha256(self.bytes).hexdigest()


def replay(
    source: Source,
    run: str,
    agents: Agents | None = None,
    plugins: Plugins | None = None,
    changes: Changes | None = None,
) -> Replay:
    """Run a recorded run again, without network, Redis, tools or models.

    ``source`` is a store, or a reader of a journal's file. ``agents`` are those that no reference
    leads to, by name; ``plugins`` a program's own, or the settings of those that are installed.
    ``changes`` ask what would have become of it: fields of events to set, by ``seq`` and path.
    Raises ``NotFound`` for a run that is not there. See ``offline`` for what it adds to a process.
    """
    return _replayed(Recording.read(source, run), agents, plugins, changes)


def replay_events(
    events: Iterable[Event],
    run: str,
    agents: Agents | None = None,
    plugins: Plugins | None = None,
    changes: Changes | None = None,
) -> Replay:
    """As ``replay``, for events at hand: all of a kernel's, or those that matter of them."""
    return _replayed(Recording.of(events, run), agents, plugins, changes)


def _replayed(
    recording: Recording,
    agents: Agents | None,
    plugins: Plugins | None,
    changes: Changes | None,
) -> Replay:
    """Of things that happened at once the record tells only in which order they were written.

    Where more than one order of their causes is possible, the likeliest is tried first, and others
    when that leads elsewhere.
    """
    recording = changed(recording, changes) if changes else recording
    code = Code(agents or {}, plugins if isinstance(plugins, Mapping) else list(plugins or ()))
    with offline():
        tried = search(recording, code)
    best = max(tried, key=lambda attempt: attempt.reached)
    return Replay(
        recording.run, best.events, len(recording.events), best.divergence, code.missing, len(tried)
    )
