"""A Redis that lacks events gets them from the journal: in order, each once, or the loss is told."""

from __future__ import annotations

import os
import signal
from itertools import pairwise

import pytest
import redis
from msgspec.structs import replace

from retinue.bus.clock import SystemClock
from retinue.bus.envelope import Event
from retinue.bus.errors import JournalError
from retinue.bus.journal import MemoryStore
from retinue.bus.messages import BusDegraded, BusRestored
from retinue.bus.redis.client import command_client
from retinue.bus.redis.mirror import PING_INTERVAL
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.subscriber import Gap, Subscriber
from retinue.bus.topics import Selection, heartbeat_key, journal_key, stream
from retinue.bus.wire import parse


@pytest.fixture
def commit(make_events):
    """``commit(store, count, …)`` appends events as ``make_events`` makes them, and gives them."""

    def commit(store, count, **fields):
        made = make_events(store.last + 1, count, **fields)
        return store.append([event.envelope for event in made])

    return commit


def test_what_did_not_fit_while_redis_was_stopped_comes_from_the_journal_in_order(
    own_server, kernel, make_mirror, commit
):
    store, reports = MemoryStore(), []
    mirror = make_mirror(own_server, kernel, reports, store=store, max_bytes=30_000)
    with Watching(own_server, kernel) as heard:
        mirror.offer(commit(store, 10))
        settle(mirror)
        os.kill(own_server.pid, signal.SIGSTOP)
        for _ in range(50):
            mirror.offer(commit(store, 100))
        mirror.step()
        view = mirror.view()
        assert (view.published, view.pending, view.dropped) == (10, 5_000, 0)
        os.kill(own_server.pid, signal.SIGCONT)
        settle(mirror)
        assert [seq for _, seq in heard(5_010)] == list(range(1, 5_011))
    degraded, restored = reports
    assert isinstance(degraded, BusDegraded)
    assert isinstance(restored, BusRestored)
    assert restored.dropped == 0
    assert restored.refilled == mirror.view().refilled > 4_900
    view = mirror.view()
    assert (view.published, view.pending, view.dropped) == (5_010, 0, 0)
    assert follow(own_server, kernel) == list(range(1, 5_011))


def test_what_the_journal_no_longer_has_is_dropped_counted_and_a_gap(
    own_server, kernel, make_mirror, commit
):
    store, reports = MemoryStore(max_events=1_000), []
    mirror = make_mirror(own_server, kernel, reports, store=store, max_bytes=30_000)
    mirror.offer(commit(store, 10))
    settle(mirror)
    os.kill(own_server.pid, signal.SIGSTOP)
    for _ in range(50):
        mirror.offer(commit(store, 100))
    mirror.step()
    lost = store.first - 11
    os.kill(own_server.pid, signal.SIGCONT)
    settle(mirror)
    assert 4_000 <= lost == mirror.view().dropped
    assert [r.dropped for r in reports if isinstance(r, BusRestored)] == [lost]
    view = mirror.view()
    assert view.published + view.dropped == 5_010
    assert follow(own_server, kernel) == [
        *range(1, 11), (11, store.first - 1), *range(store.first, 5_011)
    ]  # fmt: skip


def test_a_server_that_was_killed_and_is_empty_gets_its_stream_again_and_no_channel_hears_it_twice(
    binary, kernel, make_mirror, commit, wait_until
):
    store, reports = MemoryStore(), []
    server = PrivateServer(binary)
    server.start()
    try:
        mirror = make_mirror(server, kernel, reports, store=store)
        mirror.offer(commit(store, 3_000))
        settle(mirror)
        os.kill(server.pid, signal.SIGKILL)
        mirror.offer(commit(store, 10))
        wait_until(lambda: answers(server))
        with Watching(server, kernel) as heard:
            settle(mirror)
            assert [seq for _, seq in heard(10)] == list(range(3_001, 3_011))
        assert follow(server, kernel) == list(range(1, 3_011))
        assert mirror.view().refilled == 3_000
        assert mirror.view().published == 3_010
        assert [type(report) for report in reports] == [BusDegraded, BusRestored]
    finally:
        server.stop()


def test_flushed_keys_are_noticed_in_silence_and_filled_in(server, kernel, make_mirror, commit):
    store, reports, clock = MemoryStore(), [], Skipping()
    mirror = make_mirror(server, kernel, reports, store=store, clock=clock)
    mirror.offer(commit(store, 500))
    settle(mirror)
    with command_client(server.url) as client:
        client.delete(stream(kernel), journal_key(kernel), heartbeat_key(kernel))
        clock.skip(PING_INTERVAL)
        mirror.step()
        assert [type(report) for report in reports] == [BusDegraded]
        settle(mirror)
        clock.skip(PING_INTERVAL)
        mirror.step()
        assert [type(report) for report in reports] == [BusDegraded, BusRestored]
        assert client.exists(journal_key(kernel), heartbeat_key(kernel)) == 2
    assert reports[1].refilled == 500
    assert follow(server, kernel) == list(range(1, 501))


@pytest.mark.parametrize("removed", [1, 400, 500])
def test_a_stream_that_lost_its_end_is_completed(
    server, client, kernel, make_mirror, commit, removed
):
    store = MemoryStore()
    mirror = make_mirror(server, kernel, [], store=store)
    mirror.offer(commit(store, 500))
    settle(mirror)
    client.xdel(stream(kernel), *(f"{seq}-0" for seq in range(501 - removed, 501)))
    mirror.offer(commit(store, 5))
    settle(mirror)
    assert follow(server, kernel) == list(range(1, 506))


def test_a_kernel_that_starts_on_an_old_journal_fills_an_empty_redis(
    server, kernel, make_mirror, commit
):
    store = MemoryStore()
    commit(store, 5_000)
    mirror = make_mirror(server, kernel, [], store=store, stream_length=2_000)
    with Watching(server, kernel) as heard:
        mirror.offer(commit(store, 3))
        settle(mirror)
        assert [seq for _, seq in heard(3)] == [5_001, 5_002, 5_003]
    newest = follow(server, kernel, "first")
    assert newest == list(range(5_004 - len(newest), 5_004))
    assert 2_000 <= len(newest) < 2_100
    assert follow(server, kernel, 5) == [(6, newest[0] - 1), *newest]
    assert mirror.view().refilled == len(newest) - 3


def test_a_kernel_that_starts_again_completes_its_stream_and_readers_see_no_gap(
    server, kernel, make_mirror, commit
):
    store, chosen = MemoryStore(), Selection(["tool.*"])
    first = make_mirror(server, kernel, [], store=store, selection=chosen)
    first.offer(commit(store, 10))
    settle(first)
    commit(store, 5)  # as if killed before these were mirrored
    commit(store, 3, type="kernel.stopped")
    second = make_mirror(server, kernel, [], store=store, journal="start-2", selection=chosen)
    second.offer(commit(store, 4, type="kernel.started"))
    second.offer(commit(store, 2))
    settle(second)
    assert follow(server, kernel) == [*range(1, 16), 23, 24]


def test_the_stream_of_another_journal_is_not_continued(server, kernel, make_mirror, commit):
    other, store = MemoryStore(), MemoryStore()
    first = make_mirror(server, kernel, [], store=other)
    first.offer(other.append([renamed(e) for e in commit(MemoryStore(), 7)]))
    settle(first)
    commit(store, 100)
    second = make_mirror(server, kernel, [], store=store, journal="start-2")
    second.offer(commit(store, 1))
    settle(second)
    with command_client(server.url) as client:
        ids = [parse(fields[b"event"]).id for _, fields in client.xrange(stream(kernel))]
    assert ids == [f"e-{seq}" for seq in range(1, 102)]


def test_entries_that_somebody_else_put_into_the_stream_do_not_hide_what_comes_after(
    server, client, kernel, make_mirror, commit
):
    store, reports = MemoryStore(), []
    mirror = make_mirror(server, kernel, reports, store=store)
    mirror.offer(commit(store, 10))
    settle(mirror)
    client.xadd(stream(kernel), {"seq": "999", "event": "{}"}, id="999-0")
    mirror.offer(commit(store, 10))
    settle(mirror)
    assert follow(server, kernel) == list(range(1, 21))
    assert [type(report) for report in reports] == [BusDegraded, BusRestored]


def test_a_full_server_degrades_and_all_comes_once_there_is_room(
    own_server, kernel, make_mirror, commit
):
    store, reports = MemoryStore(), []
    mirror = make_mirror(own_server, kernel, reports, store=store, max_bytes=100_000)
    mirror.offer(commit(store, 10))
    settle(mirror)
    with command_client(own_server.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        mirror.offer(commit(store, 2_000))
        mirror.step()
        assert "maxmemory" in mirror.view().reason
        assert mirror.view().pending == 2_000
        client.config_set("maxmemory", 0)
    settle(mirror)
    assert follow(own_server, kernel) == list(range(1, 2_011))
    assert [type(report) for report in reports] == [BusDegraded, BusRestored]


def test_a_user_whose_rights_are_withdrawn_and_given_back_loses_nothing(
    own_server, kernel, make_mirror, commit
):
    store, reports = MemoryStore(), []
    with command_client(own_server.url) as client:
        rights = (f"~retinue:{{{kernel}}}:*", f"&retinue:{{{kernel}}}:*", "+@all")
        client.execute_command("ACL", "SETUSER", "kernel", "resetchannels", "on", ">pw", *rights)

        class Server:
            url = own_server.url.replace("unix://", "unix://kernel:pw@")
            describe = own_server.describe

        mirror = make_mirror(Server, kernel, reports, store=store, max_bytes=100_000)
        mirror.offer(commit(store, 10))
        settle(mirror)
        for withdrawn, given in (("-xadd", "+xadd"), ("resetchannels", rights[1]), ("off", "on")):
            client.execute_command("ACL", "SETUSER", "kernel", withdrawn)
            mirror.offer(commit(store, 1_000))
            mirror.step()
            assert mirror.view().state == "degraded"
            client.execute_command("ACL", "SETUSER", "kernel", given)
            settle(mirror)
    assert follow(own_server, kernel) == list(range(1, 3_011))
    assert [type(report) for report in reports] == [BusDegraded, BusRestored] * 3
    assert mirror.view().published == 3_010


def test_new_events_wait_two_seconds_at_most_for_old_ones(server, kernel, make_mirror, commit):
    store, clock = MemoryStore(), Skipping()
    commit(store, 50_000)
    mirror = make_mirror(server, kernel, [], store=store, clock=clock)
    mirror.step()
    mirror.offer(commit(store, 5))
    mirror.step()
    clock.skip(2.1)
    settle(mirror)
    filled = mirror.view().refilled
    assert 0 < filled < 50_000
    assert follow(server, kernel) == [
        *range(1, filled + 1),
        (filled + 1, 50_000),
        *range(50_001, 50_006),
    ]


def test_without_new_events_old_ones_are_filled_in_however_long_it_takes(
    server, client, kernel, make_mirror, commit
):
    store, clock = MemoryStore(), Skipping()
    commit(store, 10_000)
    mirror = make_mirror(server, kernel, [], store=store, clock=clock)
    for _ in range(10):
        clock.skip(1.0)
        mirror.step()
    assert client.xlen(stream(kernel)) == 10_000


def test_a_journal_that_cannot_be_read_degrades_the_mirror_and_is_tried_again(
    server, kernel, make_mirror, commit
):
    class Damaged(MemoryStore):
        broken = False

        def read(self, after=0, only=None, limit=None):
            if self.broken:
                raise JournalError("the disk is gone", kind="io", retryable=True)
            return super().read(after, only, limit)

    store, reports = Damaged(), []
    mirror = make_mirror(server, kernel, reports, store=store, max_bytes=30_000)
    mirror.step()
    mirror.offer(commit(store, 1_000))
    store.broken = True
    mirror.step()
    assert [report.reason for report in reports] == ["the disk is gone"]
    store.broken = False
    settle(mirror)
    assert follow(server, kernel) == list(range(1, 1_001))


class Skipping:
    """The machine's clock, which a test may move on."""

    def __init__(self):
        self._clock, self._skipped = SystemClock(), 0.0

    def monotonic(self):
        return self._clock.monotonic() + self._skipped

    def time(self):
        return self._clock.time() + self._skipped

    def skip(self, seconds):
        self._skipped += seconds


class Watching:
    """Hears the kernel's channels; gives a function that waits for so many messages, and no more."""

    def __init__(self, server, kernel):
        self._client = redis.Redis.from_url(server.url)
        self._heard = self._client.pubsub(ignore_subscribe_messages=True)
        self._heard.psubscribe(f"retinue:{{{kernel}}}:events:*", f"end:{kernel}")
        for _ in range(2):
            self._heard.parse_response(timeout=5)
        self._end = f"end:{kernel}"

    def __enter__(self):
        return self._messages

    def __exit__(self, *_):
        self._heard.close()
        self._client.close()

    def _messages(self, count):
        self._client.publish(self._end, "")
        messages = []
        while (message := self._heard.get_message(timeout=5))["channel"].decode() != self._end:
            event = parse(message["data"])
            messages.append((event.type, event.seq))
        assert len(messages) == count
        return messages


def settle(mirror):
    """Step until nothing is left to do at once; back-offs are skipped, not slept through."""
    for _ in range(10_000):
        mirror.flush(20.0)
        if mirror.step() and mirror.view().state == "live":
            return
    raise AssertionError(f"{mirror!r} did not come to rest")


def follow(server, kernel, start=0):
    """What a reader gets, up to the stream's end: numbers, and pairs for gaps."""
    with command_client(server.url) as client:
        last = int(client.xrevrange(stream(kernel), count=1)[0][0].partition(b"-")[0])
    seen = []
    with Subscriber(server.url, kernel, start) as reader:
        for item in reader.read(timeout=10):
            seen += [(item.first, item.last) if isinstance(item, Gap) else item.seq]
            if seen[-1] == last:
                break
    assert all(a < b for a, b in pairwise(i if isinstance(i, int) else i[1] for i in seen))
    return seen


def answers(server):
    with command_client(server.url) as client:
        try:
            return client.ping()
        except redis.ConnectionError:
            return False


def renamed(event: Event):
    return replace(event.envelope, id=f"other-{event.id}")
