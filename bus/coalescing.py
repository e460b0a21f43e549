"""Pieces of text that go to observers together: decided purely, by rule and time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from .envelope import Envelope, Event
from .errors import ConfigError
from .topics import Selection, numbered_rule

__all__ = ["Coalesced", "Coalescer"]

_TEXTS = {"agent.text": "delta"}
"""Types whose pieces may be joined, and the field that holds a piece."""
_LONGEST = 60.0
_MOST_BYTES = 32 * 1024
"""A joined text ends with the piece that takes it to this size."""


class Coalesced(Event, frozen=True, gc=False):
    """Several pieces of text as one event: the last one's ``seq`` and id, and all of the text."""

    count: int


class Coalescer:
    """Holds pieces of text back until their time is over, or something else has to go out.

    An event that is not held goes out after all that is: so the order by ``seq`` is kept, and a
    reader sees nothing of a task before the text that the task produced first. Used by one thread.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        """A rule such as ``type=agent.text every=0.05`` gives seconds; the first match counts.

        Raises ``ConfigError`` for a malformed rule.
        """
        self._rules = tuple(map(_interval, rules))
        self._held: dict[str, _Pieces] = {}
        self._due = 0.0
        self.held = 0
        """How many events are held back."""
        self.size = 0
        """The bytes of their bodies."""

    def __repr__(self) -> str:
        return f"<Coalescer rules={len(self._rules)} held={self.held}>"

    @property
    def idle(self) -> bool:
        """Whether nothing is held, and nothing ever is."""
        return not self._rules

    @property
    def first(self) -> int:
        """The lowest ``seq`` that is held back; 0 when none is."""
        return min((pieces.events[0].seq for pieces in self._held.values()), default=0)

    def wait(self, now: float) -> float | None:
        """Seconds until ``flush`` is due, ``None`` while nothing is held."""
        return max(0.0, self._due - now) if self._held else None

    def add(self, events: Sequence[Event], now: float) -> Sequence[Event]:
        """Take selected events in; returns what goes out now. ``now`` is monotonic, in seconds."""
        if self.idle:
            return events
        out: list[Event] = []
        for event in events:
            every = self._every(event.envelope)
            if not every:
                out += self.flush()
                out.append(event)
            elif self._hold(event, now + every):
                out += self.flush()
        if self._held and now >= self._due:
            out += self.flush()
        return out

    def flush(self) -> list[Event]:
        """Give out what is held, in order."""
        held, self._held = self._held, {}
        self.held = self.size = 0
        return sorted((pieces.joined() for pieces in held.values()), key=_seq)

    def _every(self, envelope: Envelope) -> float:
        if envelope.type not in _TEXTS:
            return 0.0
        return next((every for rules, every in self._rules if rules.matches(envelope)), 0.0)

    def _hold(self, event: Event, due: float) -> bool:
        """Add a piece; tells whether there is enough now."""
        self._due = min(self._due, due) if self._held else due
        e = event.envelope
        pieces = self._held.setdefault(f"{e.run}\0{e.task}\0{e.agent}\0{e.type}", _Pieces())
        pieces.events.append(event)
        pieces.size += len(e.body)
        self.held += 1
        self.size += len(e.body)
        return pieces.size >= _MOST_BYTES


class _Pieces:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.size = 0

    def joined(self) -> Event:
        last = self.events[-1]
        if len(self.events) == 1:
            return last
        bodies: list[dict[str, Any]] = [msgspec.json.decode(e.envelope.body) for e in self.events]
        field = _TEXTS[last.envelope.type]
        body = bodies[-1] | {field: "".join(body[field] for body in bodies)}
        envelope = msgspec.structs.replace(last.envelope, body=msgspec.json.encode(body))
        return Coalesced(last.seq, envelope, len(self.events))


def _interval(text: str) -> tuple[Selection, float]:
    rule, every = numbered_rule(text, "every")
    if not 0.0 < every <= _LONGEST:
        raise ConfigError(f"rule {text!r}: every is in seconds, above 0 and up to {_LONGEST:g}")
    return Selection((rule,)), every


def _seq(event: Event) -> int:
    return event.seq
