"""What every event store has to do: test classes that any implementation can run.

    class TestMyStore(EventStoreConformance):
        def open_store(self):
            return MyStore(...)

pytest then collects the tests of the base class. They need no fixture and no plugin.
"""
# ruff: noqa: S101  # assertions are what a test kit is for

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..envelope import Envelope, Event
from ..errors import KernelClosed
from .store import EventStore, Filter

__all__ = [
    "BoundedStoreConformance",
    "EventStoreConformance",
    "eager_switching",
    "envelope",
    "envelopes",
]

_GROUP = 7
_GROUPS = 300


def envelope(number: int, **changes: object) -> Envelope:
    """A small valid envelope; ``changes`` are fields of ``Envelope``."""
    fields: dict[str, object] = {
        "id": f"m-{number}",
        "type": "task.running",
        "time": 1_000_000_000.0 + number,
        "body": b'{"type":"task.running","attempt":%d}' % number,
        "run": f"r-{number % 3}",
        "task": f"t-{number % 5}",
        "agent": f"agent{number % 2}",
    }
    return Envelope(**(fields | changes))  # type: ignore[arg-type]


def envelopes(count: int, start: int = 1) -> list[Envelope]:
    """``count`` envelopes, numbered from ``start``."""
    return [envelope(number) for number in range(start, start + count)]


class EventStoreConformance:
    """What holds for every store, whatever it keeps its events in."""

    def open_store(self) -> EventStore:
        """A new, empty store that keeps at least 10,000 small events."""
        raise NotImplementedError("return a new, empty store")

    @contextmanager
    def opened(self) -> Iterator[EventStore]:
        """A store for one test."""
        store = self.open_store()
        try:
            yield store
        finally:
            store.close()

    def test_a_new_store_is_empty_and_begins_at_one(self) -> None:
        """Bounds of an empty store."""
        with self.opened() as store:
            assert (store.first, store.last, list(store.read())) == (1, 0, [])

    def test_events_are_numbered_from_one_without_a_gap_over_groups(self) -> None:
        """Groups of any size continue the count; an empty one does not disturb it."""
        with self.opened() as store:
            returned = [
                event.seq for size in (1, 3, 0, 2) for event in store.append(envelopes(size))
            ]
            assert returned == [1, 2, 3, 4, 5, 6]
            assert seqs(store.read()) == returned
            assert (store.first, store.last) == (1, 6)

    def test_what_is_read_equals_what_was_appended_in_every_field(self) -> None:
        """Absent names, deadlines, text of all scripts and long bodies survive."""
        kept = [
            envelope(1, run="", task="", agent=""),
            envelope(
                2, agent='a\'gent "ü" 漢字 🙂', sender="cli", cause="m-1", trace="00-ab-cd-01"
            ),
            envelope(3, deadline=1_000_000_060.25, body=b'"' + b"x" * 100_000 + b'"'),
            envelope(4, deadline=0.0, body=b"null"),
        ]
        with self.opened() as store:
            assert [event.envelope for event in store.append(kept)] == kept
            assert [event.envelope for event in store.read()] == kept

    def test_a_cursor_gives_only_what_came_after_it(self) -> None:
        """``after`` is exclusive, and may be anything at or past either end."""
        with self.opened() as store:
            store.append(envelopes(10))
            for after in (0, 1, 9, 10, 11, 10_000):
                assert seqs(store.read(after)) == list(range(after + 1, 11))

    def test_a_limit_bounds_what_is_read(self) -> None:
        """The limit counts events that pass the filter."""
        with self.opened() as store:
            store.append(envelopes(9))
            assert seqs(store.read(limit=0)) == []
            assert seqs(store.read(after=4, limit=2)) == [5, 6]
            assert seqs(store.read(only=Filter(run="r-0"), limit=2)) == [3, 6]

    def test_a_filter_selects_by_run_task_agent_and_type(self) -> None:
        """Names match exactly, types by glob, and all that are set must hold."""
        types = ["tool.called", "tool.returned", "task.failed", "toolbox"]
        said = [envelope(n, type=types[n % 4]) for n in range(1, 41)]
        filters = [
            Filter(),
            Filter(run="r-1"),
            Filter(run="r-"),
            Filter(task="t-2"),
            Filter(agent="agent1"),
            Filter(types=("tool.*",)),
            Filter(types=("task.failed", "tool.r*")),
            Filter(types=("*",)),
            Filter(types=("TOOL.*",)),
            Filter(run="r-2", task="t-3", agent="agent0", types=("t*",)),
            Filter(run="nobody's"),
        ]
        with self.opened() as store:
            store.append(said)
            for only in filters:
                expected = [n for n, e in enumerate(said, start=1) if only.matches(e)]
                assert seqs(store.read(only=only)) == expected, only
                assert seqs(store.read(after=20, only=only)) == [n for n in expected if n > 20]

    def test_a_read_is_a_picture_of_the_moment_of_the_call(self) -> None:
        """What is appended after the call does not show, even before the first event is taken."""
        with self.opened() as store:
            store.append(envelopes(3))
            everything, of_run = store.read(), store.read(only=Filter(run="r-1"))
            store.append(envelopes(3, start=4))
            assert (seqs(everything), seqs(of_run)) == ([1, 2, 3], [1])

    def test_a_group_with_one_bad_envelope_leaves_no_trace(self) -> None:
        """All of a group is kept, or none of it."""
        with self.opened() as store:
            store.append(envelopes(2))
            bad: list[Envelope] = [*envelopes(2, start=3), object()]  # type: ignore[list-item]
            assert raises(lambda: store.append(bad)) is not None
            assert seqs(store.read()) == [1, 2]
            assert seqs(store.read(only=Filter(run="r-0"))) == []
            assert [event.seq for event in store.append(envelopes(1, start=3))] == [3]
            assert seqs(store.read(only=Filter(run="r-0"))) == [3]

    def test_readers_see_whole_groups_in_order_while_another_thread_appends(self) -> None:
        """A reader beside the writer never sees a gap, a disorder or a part of a group."""
        with self.opened() as store, eager_switching():
            writer = threading.Thread(target=_append_groups, args=(store,))
            writer.start()
            try:
                for seen in _reads_until(store, _GROUP * _GROUPS):
                    assert seen == list(range(1, len(seen) + 1))
                    assert len(seen) % _GROUP == 0
            finally:
                writer.join(timeout=30)
            assert not writer.is_alive()

    def test_readers_of_one_run_see_no_event_before_it_is_committed(self) -> None:
        """An index by run is no earlier and no later than the journal itself."""
        with self.opened() as store, eager_switching():
            writer = threading.Thread(target=_append_groups, args=(store,))
            writer.start()
            try:
                last = 0
                while last < _GROUP * _GROUPS:
                    before = store.last
                    seen = seqs(store.read(only=Filter(run="r-1")))
                    last = store.last
                    assert all(seq in seen for seq in range(1, before + 1, 3))
                    assert all(seq <= last for seq in seen)
            finally:
                writer.join(timeout=30)

    def test_a_closed_store_takes_no_more_events(self) -> None:
        """Appending after close is refused by name, and closing twice is not an error."""
        with self.opened() as store:
            store.append(envelopes(1))
            store.close()
            assert isinstance(raises(lambda: store.append(envelopes(1))), KernelClosed)
            store.close()


class BoundedStoreConformance:
    """What holds for a store that drops its oldest events, run beside the class above."""

    def open_bounded(self, max_events: int) -> EventStore:
        """A new, empty store that keeps ``max_events`` at most."""
        raise NotImplementedError("return a new, empty store with that bound")

    def test_the_newest_events_stay_and_first_tells_what_went(self) -> None:
        """``first`` is always the oldest event that can be read; ``seq`` is never reused."""
        store = self.open_bounded(16)
        for number in range(1, 200):
            store.append([envelope(number)])
            kept = seqs(store.read())
            assert len(kept) <= 16
            assert kept == list(range(store.first, number + 1))
            assert store.last == number
        assert store.first > 1

    def test_a_cursor_from_before_the_first_event_gives_the_survivors(self) -> None:
        """No error: the reader compares its cursor with ``first`` to find the gap."""
        store = self.open_bounded(4)
        store.append(envelopes(50))
        assert seqs(store.read(after=3)) == list(range(store.first, 51))

    def test_the_events_of_a_run_go_with_the_others(self) -> None:
        """A filter by run keeps nothing alive that the store has dropped."""
        store = self.open_bounded(12)
        store.append([envelope(1, run="old")])
        for number in range(2, 100):
            store.append([envelope(number)])
            every = seqs(store.read())
            assert seqs(store.read(only=Filter(run="old"))) == [s for s in every if s == 1]
            of_run = seqs(store.read(only=Filter(run="r-1")))
            assert of_run == [seq for seq in every if seq % 3 == 1 and seq > 1]

    def test_a_read_that_has_begun_is_not_hurt_by_dropping(self) -> None:
        """The reader goes on in order; it may end early, but never skips or repeats."""
        store = self.open_bounded(4_000)
        store.append(envelopes(4_000))
        reading = store.read()
        got = [next(reading).seq, next(reading).seq]
        store.append(envelopes(3_000, start=4_001))
        got += seqs(reading)
        assert got == list(range(1, len(got) + 1))


@contextmanager
def eager_switching() -> Iterator[None]:
    """Let threads take turns as often as they can: races show that 5 ms would hide."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def seqs(events: Iterator[Event] | Sequence[Event]) -> list[int]:
    """The numbers of some events."""
    return [event.seq for event in events]


def raises(act: object) -> Exception | None:
    """The error that ``act()`` raises, or ``None``."""
    try:
        act()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001  # the caller judges it
        return error
    return None


def _append_groups(store: EventStore) -> None:
    for group in range(_GROUPS):
        store.append(envelopes(_GROUP, start=1 + group * _GROUP))


def _reads_until(store: EventStore, last: int) -> Iterator[list[int]]:
    seen: list[int] = []
    while len(seen) < last:
        seen = seqs(store.read())
        yield seen
