"""Checkpoints: what a journal that was cut says, in its own events, of those that went. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Raw

from ..codec import decode, encode
from ..envelope import Envelope, Event
from ..messages import StateKept
from .store import Filter

__all__ = ["Checkpoint", "Readable", "newest", "parts_of"]

PART_BYTES = 64 * 1024
"""Of events in one part: small enough that no commit waits for it. A larger event has its own."""

_STATE = "kernel.state"
_Counts = Mapping[str, Mapping[str, int]]


class Readable(Protocol):
    """What can be read like an ``EventStore``."""

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept."""

    @property
    def last(self) -> int:
        """The newest ``seq``."""

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """See ``EventStore.read``."""


class KeptEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as it was committed, written down once more; fields as those of an envelope."""

    seq: int
    id: str
    type: str
    time: float
    body: Raw
    run: str = ""
    task: str = ""
    agent: str = ""
    sender: str = ""
    cause: str = ""
    trace: str = ""
    deadline: float | None = None


class Checkpoint(msgspec.Struct, frozen=True):
    """What stands for all events up to ``until``: those ``events`` of them that still matter.

    ``counts`` and ``letters`` as in ``StateKept``; ``size`` is the bytes of its parts, ``at`` the
    first ``seq`` of them.
    """

    until: int
    events: Sequence[Event]
    counts: _Counts = {}
    letters: int = 0
    size: int = 0
    at: int = 0


def parts_of(
    checkpoint: str, until: int, events: Iterable[Event], counts: _Counts, letters: int
) -> list[StateKept]:
    """The checkpoint as events to be committed in this order; ``checkpoint`` is a name of its own."""
    groups = [Raw(encode(group)) for group in _groups(events)] or [Raw(b"[]")]
    more = ({agent: dict(by_state) for agent, by_state in counts.items()}, letters)
    return [
        StateKept(checkpoint, until, number, len(groups), group, *(more if number == 1 else ()))
        for number, group in enumerate(groups, start=1)
    ]


def newest(source: Readable) -> Checkpoint | None:
    """The last checkpoint that is there with all its parts: each goes further than those before."""
    whole: list[Event] = []
    parts: list[Event] = []
    name, expected = "", 1
    for event in source.read(0, Filter(types=(_STATE,))):
        head = _decode(event.envelope.body)
        if head.part == 1:
            parts, name, expected = [], head.checkpoint, 1
        if (head.checkpoint, head.part) == (name, expected):
            parts.append(event)
            expected += 1
            if len(parts) == head.parts:
                whole = parts
    return _joined(whole) if whole else None


def _joined(parts: Sequence[Event]) -> Checkpoint:
    bodies = [decode(event.envelope.body, StateKept) for event in parts]
    return Checkpoint(
        bodies[0].until,
        [_event(kept) for body in bodies for kept in decode(bytes(body.events), _KEPT)],
        bodies[0].counts,
        bodies[0].letters,
        sum(len(part.envelope.body) for part in parts),
        parts[0].seq,
    )


def _groups(events: Iterable[Event]) -> Iterator[list[KeptEvent]]:
    group: list[KeptEvent] = []
    size = 0
    for event in events:
        length = len(event.envelope.body) + 128
        if group and size + length > PART_BYTES:
            yield group
            group, size = [], 0
        group.append(_kept(event))
        size += length
    if group:
        yield group


def _kept(event: Event) -> KeptEvent:
    e = event.envelope
    names = (e.run, e.task, e.agent, e.sender, e.cause, e.trace)
    return KeptEvent(event.seq, e.id, e.type, e.time, Raw(e.body), *names, e.deadline)


def _event(kept: KeptEvent) -> Event:
    names = (kept.run, kept.task, kept.agent, kept.sender, kept.cause, kept.trace)
    body = bytes(kept.body)
    return Event(kept.seq, Envelope(kept.id, kept.type, kept.time, body, *names, kept.deadline))


class _Head(msgspec.Struct):
    checkpoint: str
    part: int
    parts: int


_KEPT = list[KeptEvent]
_decode = msgspec.json.Decoder(_Head).decode
