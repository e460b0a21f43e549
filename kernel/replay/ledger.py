"""Two columns: the events that were recorded, and those that are made anew. Pure bookkeeping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import TERMINAL_TASK

from .divergence import ABSENT, Difference, Divergence, difference, shown
from .recording import Producer, Recording, producer_of

__all__ = ["Entry", "Ledger"]

Stream = tuple[Producer, str, int]
"""Events that one maker makes in an order of its own: for a turn, with the attempt's number."""

STOPPED = frozenset(
    {
        "AgentHung",
        "AgentLoopLost",
        "AgentStopped",
        "DeadlineExceeded",
        "Interrupted",
        "ProcessDied",
    }
)
"""Ends of attempts that are not the agent's own doing."""


class Entry(msgspec.Struct):
    """One recorded event, and what stands beside it."""

    index: int
    event: Event
    stream: Stream
    made: Envelope | None = None
    appended: bool = False
    then: list[Callable[[], None]] = []

    @property
    def producer(self) -> Producer:
        """Who makes it."""
        return self.stream[0]


LATER = Difference("", "here", "the same after what follows it")


class Ledger:
    """The run's recorded events in order; each is claimed by the one that is made anew."""

    def __init__(self, recording: Recording) -> None:
        """Nothing is claimed yet."""
        self.entries: list[Entry] = []
        self.divergence: Divergence | None = None
        self._complete = recording.complete
        self._streams: dict[Stream, list[Entry]] = {}
        self._starts: dict[Stream, int] = {}
        self._by_id: dict[str, Entry] = {}
        self._turns: dict[str, int] = {}
        self._strands: dict[tuple[Stream, int], int] = {}
        self._unclaimed = 0
        self._changed = recording.changed
        self._ids = {event.id for event in recording.events}
        self._cut = _cut_off(recording)
        self._fill(recording.events)

    def current(self) -> Event | None:
        """The first event that nobody made yet: the one whose moment it is."""
        while self._unclaimed < len(self.entries):
            entry = self.entries[self._unclaimed]
            if entry.made is None:
                return entry.event
            self._unclaimed += 1
        return None

    def following(self, producer: Producer, task: str, *types: str) -> Event | None:
        """The next event of a maker about a task, of one of these types if any, not made yet."""
        left = self._left(self._stream(producer, task))
        return next((e.event for e in left if not types or e.event.type in types), None)

    def caused_later(self, task: str, cause: str) -> Event | None:
        """What the Orchestrator wrote because of ``cause``, unless that is what it writes next."""
        left = islice(self._left(("orchestrator", task, 0)), 1, None)
        return next((e.event for e in left if e.event.envelope.cause == cause), None)

    def is_recorded(self, id: str) -> bool:
        """Whether an event of the run has that id."""
        return id in self._ids

    def claim(
        self,
        producer: Producer,
        task: str,
        make: Callable[[Event], Envelope],
        blank: Callable[[], Envelope],
        strand: int = 0,
    ) -> Entry | None:
        """Put what is made anew beside the recorded event that it stands for.

        ``make`` builds it with that event's id and moment, ``blank`` without. ``strand`` tells
        branches of one turn apart, which may overtake each other. ``None`` when it stands for
        nothing: that is a divergence, unless the record broke off there.
        """
        stream = self._stream(producer, task)
        after = self._strands.get((stream, strand), -1)
        chosen = self._fitting(stream, after, make)
        if chosen is None:
            self._refuse(stream, make, blank)
            return None
        entry, made = chosen
        entry.made = made
        self._strands[stream, strand] = entry.index
        self._by_id[entry.event.id] = entry
        if entry.event.type == "task.running":
            self._turns[task] = self._turns.get(task, 0) + 1
        return entry

    def entry_of(self, made: Envelope) -> Entry | None:
        """The entry that an envelope was claimed for."""
        return self._by_id.get(made.id)

    def diverge(self, event: Event, field: str, recorded: str, replayed: str) -> None:
        """Note that an event differs, unless one before it did."""
        if self.divergence is None:
            self.divergence = Divergence(
                event.seq, event.type, event.task, field, recorded, replayed
            )

    def _left(self, stream: Stream) -> Iterator[Entry]:
        """What nobody made yet."""
        entries = self._streams.get(stream, [])
        start = self._starts.get(stream, 0)
        while start < len(entries) and entries[start].made is not None:
            start += 1
        self._starts[stream] = start
        return (e for e in islice(entries, start, None) if e.made is None)

    def _fitting(
        self, stream: Stream, after: int, make: Callable[[Event], Envelope]
    ) -> tuple[Entry, Envelope] | None:
        """The first entry that is what was made; for actors, which do one thing at a time, the next."""
        for entry in islice(self._left(stream), None if stream[0] == "turn" else 1):
            if entry.index > after:
                made = make(entry.event)
                if made == entry.event.envelope or self._is_made_up(entry.event, made):
                    return entry, made
        return None

    def _is_made_up(self, event: Event, made: Envelope) -> bool:
        """Whether the event was changed after it was recorded, and this stands for it."""
        return event.seq in self._changed and event.type == made.type

    def _fill(self, events: Sequence[Event]) -> None:
        turns: dict[str, int] = {}
        for index, event in enumerate(events):
            producer = producer_of(event.type)
            turn = turns.get(event.task, 0) if producer == "turn" else 0
            entry = Entry(index, event, (producer, event.task, turn))
            self.entries.append(entry)
            self._streams.setdefault(entry.stream, []).append(entry)
            if event.type == "task.running":
                turns[event.task] = turns.get(event.task, 0) + 1

    def _stream(self, producer: Producer, task: str) -> Stream:
        return producer, task, self._turns.get(task, 0) if producer == "turn" else 0

    def _refuse(
        self,
        stream: Stream,
        make: Callable[[Event], Envelope],
        blank: Callable[[], Envelope],
    ) -> None:
        """What was made stands for nothing: say what stood there instead."""
        left = next(self._left(stream), None)
        if left is not None:
            found = difference(left.event.envelope, make(left.event)) or LATER
            self.diverge(left.event, found.field, found.recorded, found.replayed)
        elif not (stream[0] == "turn" and stream in self._cut) and (
            self._complete or stream[0] == "turn"
        ):
            self._surplus(stream, blank())

    def _surplus(self, stream: Stream, made: Envelope) -> None:
        current = self.current()
        body = shown(msgspec.json.decode(made.body))
        if self.divergence is not None:
            return
        if current is None:
            self.divergence = Divergence(0, made.type, made.task, "", ABSENT, body)
        else:
            self.diverge(current, "", f"{current.type} next", f"{made.type} {body} before it")


def _cut_off(recording: Recording) -> frozenset[Stream]:
    """Turns whose last words may be lost: by a crash, because they were stopped, or are not over."""
    running: dict[str, Stream] = {}
    numbers: dict[str, int] = {}
    cut: set[Stream] = set()
    for event in recording.timeline:
        if event.type == "task.running" and event.run == recording.run:
            number = numbers[event.task] = numbers.get(event.task, 0) + 1
            running[event.task] = ("turn", event.task, number)
        elif event.type == "kernel.started":
            cut.update(running.values())
            running.clear()
        elif event.type in TERMINAL_TASK or event.type == "task.attempt_failed":
            ended = running.pop(event.task, None)
            if ended is not None and _is_stopped(event):
                cut.add(ended)
    return frozenset({*cut, *running.values()})


def _is_stopped(event: Event) -> bool:
    """Whether a turn was ended by somebody else: what it said meanwhile was not written down."""
    return event.type == "task.cancelled" or event.data.get("kind", "") in STOPPED
