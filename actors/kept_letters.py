"""Dead letters that outlive the events which told of them, each with what it takes to send it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Event

__all__ = ["LETTERS", "LETTER_BYTES", "KeptLetters", "letters_of"]

LETTERS = 1_000
"""So many, the newest."""
LETTER_BYTES = 4 << 20
"""Of their events together."""

_FAILED = frozenset({"task.failed", "task.outcome_unknown"})


class KeptLetters:
    """By the letter's id; the oldest go when there are too many. For one thread."""

    def __init__(self, most: int = LETTERS, most_bytes: int = LETTER_BYTES) -> None:
        """Bounds on their number, and on the bytes of their events."""
        self.given_up = 0
        """How many there was no room for."""
        self._most = most
        self._most_bytes = most_bytes
        self._events: dict[str, list[Event]] = {}
        self._bytes = 0

    def events(self) -> Iterator[Event]:
        """Those of all letters, some more than once."""
        return chain.from_iterable(self._events.values())

    def keep(self, letter: str, events: list[Event]) -> list[Event]:
        """Take one in; returns the events of those that had to go."""
        self._events[letter] = events
        self._bytes += _size(events)
        gone: list[Event] = []
        while len(self._events) > self._most or self._bytes > self._most_bytes:
            gone += self._drop(next(iter(self._events))) or ()
            self.given_up += 1
        return gone

    def deal(self, letter: str, dealt: Event) -> list[Event] | None:
        """``dealt`` says that it is dealt with: its events, or ``None`` for one that is not here.

        Who tells of a task below it tells that, too.
        """
        gone = self._drop(letter)
        for events in self._events.values() if gone else ():
            if any(event.task == letter for event in events):
                events.append(dealt)
                self._bytes += _size([dealt])
        return gone

    def _drop(self, letter: str) -> list[Event] | None:
        events = self._events.pop(letter, None)
        if events is not None:
            self._bytes -= _size(events)
        return events


def letters_of(events: list[Event], dealt: Mapping[str, Event]) -> dict[str, list[Event]]:
    """The tasks of a whole run that nobody tries again, each with the events to know it by.

    ``dealt`` are the events that say so of some of them.
    """
    failed = [e.task for e in events if e.type in _FAILED and e.task not in dealt]
    if not failed:
        return {}
    parents = {
        e.task: decode(e.envelope.body, _Parent).parent
        for e in events
        if e.type == "task.submitted"
    }
    return {task: _about(events, _lineage(task, parents), dealt) for task in failed}


class _Parent(msgspec.Struct):
    parent: str = ""


def _lineage(task: str, parents: Mapping[str, str]) -> set[str]:
    """The task and all above it: nothing stands without those."""
    found: set[str] = set()
    while task and task not in found:
        found.add(task)
        task = parents.get(task, "")
    return found


def _about(events: Iterable[Event], tasks: set[str], dealt: Mapping[str, Event]) -> list[Event]:
    found = [
        event
        for event in events
        if event.type.startswith("run.") or (event.task in tasks and event.type.startswith("task."))
    ]
    return found + [dealt[task] for task in tasks if task in dealt]


def _size(events: Iterable[Event]) -> int:
    return sum(len(event.envelope.body) + 128 for event in events)
