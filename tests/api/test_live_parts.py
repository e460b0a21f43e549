"""The parts of live streams that need no server: backlogs, rates, pages, boards, frames."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from retinue.actors.feed import Feed
from retinue.bus.envelope import Envelope, Event
from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel.api.live.arrivals import MAX_EVENTS, Arrivals
from retinue.kernel.api.live.backlog import Backlog, Chunk
from retinue.kernel.api.live.boards import Board
from retinue.kernel.api.live.bucket import Bucket
from retinue.kernel.api.live.frames import text_frame
from retinue.kernel.api.live.pages import read_page
from retinue.kernel.api.live.recent import Recent
from retinue.kernel.api.live.shared import Encoders, Shared
from retinue.kernel.api.live.views import ServerSent
from retinue.kernel.api.live.wanted import Wanted

SIZES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40)), max_size=40)


@given(SIZES, st.sets(st.integers(0, 39)))
def test_a_backlog_keeps_its_bounds_and_accounts_for_every_event(sizes, takes):
    backlog = Backlog(max_events=8, max_bytes=100)
    last = 0
    covered: list[int] = []

    def take() -> None:
        missed, chunks = backlog.take(60)
        if missed:
            span = range(missed.first, missed.last + 1)
            assert len(span) == missed.events
            covered.extend(span)
        for chunk in chunks:
            covered.extend(range(chunk.first, chunk.last + 1))

    for turn, (events, size) in enumerate(sizes):
        backlog.put(Chunk("events", last + 1, last + events, events, b"x" * size))
        last += events
        single = backlog.events == events
        assert single or (backlog.events <= 8 and backlog.bytes <= 100)
        if turn in takes:
            take()
    while backlog:
        take()
    assert covered == list(range(1, last + 1))
    assert (backlog.events, backlog.bytes) == (0, 0)


def test_a_newer_state_replaces_the_one_that_waits():
    backlog = Backlog(8, 100)
    backlog.put(Chunk("state", 0, 0, 0, b"old"))
    backlog.put(Chunk("events", 1, 1, 1, b"e"))
    backlog.put(Chunk("state", 0, 0, 0, b"new"))
    assert [chunk.data for chunk in backlog.take(100)[1]] == [b"e", b"new"]


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 30)), min_size=1, max_size=50))
def test_a_bucket_never_lets_more_through_than_its_rate_and_one_step(steps):
    bucket = Bucket(10.0, 5.0, 0.0)
    now = spent = 0.0
    for gone, count in steps:
        now += gone
        now += bucket.wait(now)
        assert spent <= 10.0 * now + 5.0 + 1e-6
        bucket.spend(count, now)
        spent += count


@given(
    st.integers(0, 60), st.integers(0, 70), st.integers(1, 40), st.one_of(st.none(), st.just("a"))
)
def test_pages_give_every_kept_event_once_and_name_what_is_gone(written, after, kept, run):
    store = MemoryStore(max_events=kept)
    if written:
        store.append([_envelope(number) for number in range(1, written + 1)])
    first = store.first
    only = Filter(run=run) if run else None
    got: list[int] = []
    lost: list[tuple[int, int]] = []
    cursor = after
    while cursor < store.last:
        page = read_page(store, cursor, only, None)
        if page.lost:
            lost.append((cursor + 1, page.lost))
        got += [event.seq for event in page.events]
        assert page.until > cursor
        cursor = page.until
    expected = [n for n in range(max(after + 1, first), written + 1) if not run or n % 2]
    assert got == expected
    assert lost == ([(after + 1, first - 1)] if after + 1 < first and after < written else [])


def test_a_page_that_is_torn_by_a_trim_is_read_again():
    store = _Trimmed(max_events=1000)
    store.append([_envelope(number) for number in range(1, 9)])
    page = read_page(store, 0, None, None)
    assert (page.lost, [event.seq for event in page.events]) == (4, [5, 6, 7, 8])


def test_recent_events_are_all_or_none():
    recent = Recent(max_events=3)
    recent.clear(10)
    assert recent.after(10) == []
    recent.add([_event(seq) for seq in range(11, 16)])
    assert [event.seq for event in recent.after(12)] == [13, 14, 15]
    assert recent.after(11) is None
    assert recent.after(15) == []


def test_one_wake_up_serves_all_that_comes_until_somebody_rests():
    woken: list[int] = []
    arrivals = Arrivals(lambda: woken.append(1))
    arrivals.take([_event(1)])
    arrivals.take([_event(2)])
    assert (len(woken), [e.seq for e in arrivals.some(10, 1000)]) == (1, [1, 2])
    arrivals.take([_event(3)])
    assert not arrivals.rest()
    assert [e.seq for e in arrivals.some(10, 1000)] == [3]
    assert arrivals.rest()
    arrivals.take([_event(4)])
    assert len(woken) == 2


def test_what_arrives_while_the_loop_is_stuck_is_bounded():
    arrivals = Arrivals(lambda: None)
    for seq in range(1, MAX_EVENTS + 100):
        arrivals.take([_event(seq)])
    assert len(arrivals.some(10**6, 10**9)) == MAX_EVENTS


def test_a_feed_hands_on_what_is_committed_until_one_leaves():
    feed = Feed(MemoryStore())
    heard: list[int] = []
    leave = feed.listen(lambda events: heard.extend(event.seq for event in events))
    feed.committed(feed.store.append([_envelope(1)]))
    leave()
    feed.committed(feed.store.append([_envelope(2)]))
    assert heard == [1]


def test_a_board_folds_a_run_and_passes_over_what_it_has_seen():
    board = Board("r")
    steps = [("run.started", ""), ("task.submitted", "t"), ("task.running", "t")]
    events = [_event(seq, kind, "r", task) for seq, (kind, task) in enumerate(steps, 1)]
    assert [board.take(event) for event in events] == [True, True, True]
    assert not board.take(events[-1])
    assert not board.take(_event(9, "run.failed", "other"))
    shown = json.loads(board.shown())
    assert (shown["state"]["status"], shown["state"]["tasks"]) == ("running", {"running": 1})
    assert [node["id"] for node in shown["topology"]["nodes"]] == ["t"]


def test_a_large_run_is_shown_in_part_and_says_so():
    board = Board("r")
    for seq in range(1, 1001):
        board.take(_event(seq, "task.submitted", "r", f"t{seq}"))
    topology = json.loads(board.shown())["topology"]
    assert (len(topology["nodes"]), topology["omitted"]) == (512, 488)


def test_a_frame_has_the_length_that_its_header_says():
    for size in (0, 125, 126, 65535, 65536):
        frame = text_frame(b"x" * size)
        assert len(frame) == size + (2 if size < 126 else 4 if size < 65536 else 10)
        assert frame[0] == 0x81


def test_an_event_is_encoded_once_for_all_who_get_it_after_the_one_before():
    shared = Shared(_event(5), Encoders("main"))
    view = ServerSent()
    assert shared.wire(4) is shared.wire(4)
    assert view.frame(shared, Wanted(), 4) == view.frame(shared, Wanted(), 4)
    assert json.loads(shared.wire(2)) == {
        **json.loads(shared.wire(4)),
        "previous": "0000000000000002",
    }


def test_a_line_break_in_a_body_does_not_end_a_server_sent_event():
    event = Event(1, Envelope("e", "t.x", 0.0, b'{"a":\r\n1,"b":"\\n"}'))
    frame = ServerSent().frame(Shared(event, Encoders("main")), Wanted(), 0)
    assert frame.count(b"\n") == 4
    assert json.loads(frame.split(b"data: ")[1])["data"] == {"a": 1, "b": "\n"}


class _Trimmed(MemoryStore):
    """One that is trimmed once, just when a reader has begun."""

    trimmed = False

    def read(self, after=0, only=None, limit=None):
        found = list(super().read(after, only, limit))
        if not self.trimmed:
            self.trimmed = True
            self._pages = self._pages.without(5)
            return iter(found[2:])
        return iter(found)


def _envelope(number: int) -> Envelope:
    return Envelope(f"e-{number}", "t.x", 0.0, b"{}", "a" if number % 2 else "b")


def _event(seq: int, kind: str = "t.x", run: str = "", task: str = "") -> Event:
    return Event(seq, Envelope(f"e-{seq}", kind, 0.0, b"{}", run, task))
