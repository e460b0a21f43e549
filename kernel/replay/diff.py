"""Two runs side by side: where they differ, by event and field, at the same place in each. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec

from retinue.bus.envelope import Event

from .divergence import ABSENT, differences, shown

__all__ = ["Change", "diff"]

VOLATILE = frozenset(
    {
        "seconds",
        "waited",
        "waiting",
        "reason@task.scheduled",
        "retry_in",
        "delay",
        "deadline",
        "key",
    }
)
"""Fields that differ from run to run without meaning anything: durations, other runs' work."""


class Change(msgspec.Struct, frozen=True):
    """One difference. ``place`` is the task's: ``/`` for the root, ``/2/1`` for a child's child.

    ``left`` and ``right`` are each side's ``seq``, 0 where it has no such event; ``field`` is empty
    for an event that only one side has.
    """

    place: str
    type: str
    left: int
    right: int
    field: str
    was: str
    now: str

    def __str__(self) -> str:
        where = f"{self.place} {self.type}"
        if not self.right:
            return f"{where}: only in the first, seq {self.left}: {self.was}"
        if not self.left:
            return f"{where}: only in the second, seq {self.right}: {self.now}"
        return f"{where} {self.field}: {self.was} (seq {self.left}), {self.now} (seq {self.right})"


def diff(left: Iterable[Event], right: Iterable[Event], *, durations: bool = False) -> list[Change]:
    """All differences between two runs' events, in the order of the first run's.

    Events are compared with those of the task at the same place. Ids are compared by what they
    stand for; moments are not compared, nor durations and other runs' influence unless asked for.
    """
    ours, theirs = _Run(left), _Run(right)
    found = []
    for place in dict.fromkeys([*ours.places, *theirs.places]):
        pair = ours.places.get(place, []), theirs.places.get(place, [])
        for a, b in _aligned(*pair):
            found += _changes(place, ours, theirs, a, b, durations=durations)
    return sorted(found, key=lambda change: (change.left or _INFINITE, change.right))


_INFINITE = 1 << 62


class _Run:
    """A run's events by the place of their task, and what its ids stand for."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.places: dict[str, list[Event]] = {}
        self._names: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        at: dict[str, str] = {}
        for event in events:
            if event.type == "task.submitted":
                at[event.task] = self._place(event, at)
            place = at.get(event.task, "/")
            self._learn(event, place)
            self.places.setdefault(place, []).append(event)

    def body(self, event: Event) -> Any:
        """The body with ids replaced by what they stand for."""
        if self._pattern is None:
            longest = sorted(self._names, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest)) or r"(?!)")
        text = event.envelope.body.decode()
        return msgspec.json.decode(self._pattern.sub(lambda m: self._names[m[0]], text))

    def _place(self, event: Event, at: dict[str, str]) -> str:
        parent = at.get(event.data.get("parent", ""))
        if parent is None:
            return "/" if not at else f"/{len(at)}"
        ordinal = event.data.get("ordinal", 0)
        place = f"{parent.rstrip('/')}/{ordinal}"
        again = sum(known == place or known.startswith(f"{place}#") for known in at.values())
        return f"{place}#{again + 1}" if again else place

    def _learn(self, event: Event, place: str) -> None:
        self._names.setdefault(event.run, "this run")
        if event.task:
            self._names.setdefault(event.task, f"task {place}")
        call = event.data.get("call")
        if isinstance(call, str):
            number = sum(name.startswith(f"call {place} ") for name in self._names.values()) + 1
            self._names.setdefault(call, f"call {place} {number}")


def _aligned(
    ours: Sequence[Event], theirs: Sequence[Event]
) -> Iterator[tuple[Event | None, Event | None]]:
    """Pairs of events that stand for each other; ``None`` where one side has none."""
    matcher = SequenceMatcher(None, [_key(e) for e in ours], [_key(e) for e in theirs], False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(ours[a0:a1], theirs[b0:b1], strict=True)
            continue
        yield from ((event, None) for event in ours[a0:a1])
        yield from ((None, event) for event in theirs[b0:b1])


def _key(event: Event) -> tuple[str, str]:
    tool = event.data.get("tool", "")
    return event.type, tool if isinstance(tool, str) else ""


def _changes(
    place: str, ours: _Run, theirs: _Run, a: Event | None, b: Event | None, *, durations: bool
) -> list[Change]:
    if a is None or b is None:
        event = a or b
        assert event is not None  # noqa: S101 - one of the two is there
        body = shown((ours if b is None else theirs).body(event))
        one, other = (body, ABSENT) if b is None else (ABSENT, body)
        return [Change(place, event.type, a.seq if a else 0, b.seq if b else 0, "", one, other)]
    found = differences(ours.body(a), theirs.body(b))
    return [
        Change(place, a.type, a.seq, b.seq, d.field, d.recorded, d.replayed)
        for d in found
        if durations or not _is_volatile(d.field, a.type)
    ]


def _is_volatile(field: str, type: str) -> bool:
    return field in VOLATILE or f"{field}@{type}" in VOLATILE
