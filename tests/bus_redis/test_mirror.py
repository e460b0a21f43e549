"""Redis stopped, killed, full or slow: the mirror says so, loses nothing it need not, and counts."""

from __future__ import annotations

import os
import signal

import pytest
import redis

from retinue.bus.clock import ManualClock
from retinue.bus.messages import BusDegraded, BusRestored
from retinue.bus.redis.client import COMMAND_TIMEOUT, command_client
from retinue.bus.redis.mirror import PING_INTERVAL
from retinue.bus.redis.private import PrivateServer
from retinue.bus.topics import Selection, stream


def test_offered_events_are_published_in_order_by_steps(
    server, client, kernel, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    for first in range(1, 5_000, 100):
        mirror.offer(make_events(first, 100))
    _step_until_quiet(mirror)
    assert _seqs(client, kernel) == list(range(1, 5_001))
    view = mirror.view()
    assert (view.state, view.published, view.pending, view.dropped) == ("live", 5_000, 0, 0)
    assert mirror.published == 5_000


def test_a_stopped_server_degrades_the_mirror_and_nothing_is_lost(
    own_server, kernel, make_mirror, make_events
):
    reports = []
    mirror = make_mirror(own_server, kernel, reports)
    mirror.offer(make_events(1, 10))
    _step_until_quiet(mirror)
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.offer(make_events(11, 10))
    mirror.step()
    assert [type(r) for r in reports] == [BusDegraded]
    assert "Timeout" in reports[0].reason
    assert mirror.view().state == "degraded"
    mirror.offer(make_events(21, 10))
    os.kill(own_server.pid, signal.SIGCONT)
    _step_until_quiet(mirror)
    assert isinstance(reports[1], BusRestored)
    assert reports[1].dropped == 0
    with command_client(own_server.url) as client:
        assert _seqs(client, kernel) == list(range(1, 31))
    assert mirror.view().published == 30
    assert mirror.awaits(31), "once it is back, observers are waited for again"


def test_a_silent_server_is_asked_so_that_a_stop_shows_within_two_seconds(
    own_server, kernel, make_mirror
):
    reports = []
    mirror = make_mirror(own_server, kernel, reports)
    assert mirror.step() == pytest.approx(PING_INTERVAL)
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.step()
    assert [type(r) for r in reports] == [BusDegraded]
    assert PING_INTERVAL + COMMAND_TIMEOUT < 2.0


def test_while_redis_is_away_the_oldest_go_and_are_counted_to_the_unit(
    own_server, kernel, make_mirror, make_events
):
    reports = []
    events = make_events(1, 1_000)
    size = len(events[0].envelope.body) + 256
    mirror = make_mirror(own_server, kernel, reports, max_bytes=100 * size)
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.step()
    for at in range(0, 1_000, 50):
        mirror.offer(events[at : at + 50])
    assert mirror.view().dropped == 900
    os.kill(own_server.pid, signal.SIGCONT)
    _step_until_quiet(mirror)
    with command_client(own_server.url) as client:
        assert _seqs(client, kernel) == list(range(901, 1_001))
    view = mirror.view()
    assert (view.published, view.pending, view.dropped) == (100, 0, 900)
    assert [r.dropped for r in reports if isinstance(r, BusRestored)] == [900]


def test_a_killed_server_that_comes_back_empty_gets_everything_that_it_had_not_confirmed(
    binary, kernel, make_mirror, make_events, wait_until
):
    reports = []
    server = PrivateServer(binary)
    server.start()
    mirror = make_mirror(server, kernel, reports)
    mirror.offer(make_events(1, 10))
    _step_until_quiet(mirror)
    os.kill(server.pid, signal.SIGKILL)
    mirror.offer(make_events(11, 10))
    wait_until(lambda: mirror.step() and not mirror.view().pending)
    with command_client(server.url) as client:
        assert _seqs(client, kernel) == list(range(11, 21))
    assert mirror.view().published == 20
    assert {type(r) for r in reports} <= {BusDegraded, BusRestored}
    assert len(reports) % 2 == 0
    server.stop()


def test_a_server_that_is_away_from_the_start_is_reported_once(
    tmp_path, kernel, make_mirror, make_events
):
    class Away:
        url = f"unix://{tmp_path}/nothing.sock"

        def describe(self):
            return self.url

    reports = []
    mirror = make_mirror(Away(), kernel, reports)
    mirror.offer(make_events(1, 1))
    assert 0 < mirror.step() <= 0.05
    assert mirror.flush(5.0) == 1
    assert len(reports) == 1
    assert mirror.view().reason.startswith(f"Redis at unix://{tmp_path}/nothing.sock")


def test_events_that_come_faster_than_redis_takes_them_degrade_the_mirror_until_it_has_caught_up(
    server, kernel, make_mirror, make_events
):
    reports = []
    events = make_events(1, 200)
    size = len(events[0].envelope.body) + 256
    mirror = make_mirror(server, kernel, reports, max_bytes=100 * size)
    mirror.offer(events)
    mirror.step()
    assert reports == [BusDegraded("Redis takes events slower than they come", dropped=100)]
    _step_until_quiet(mirror)
    mirror.step()
    assert [type(r) for r in reports] == [BusDegraded, BusRestored]
    assert reports[1].dropped == 100


def test_a_server_that_is_back_gets_small_batches_first_and_is_live_when_half_of_the_outbox_is_gone(
    own_server, kernel, make_mirror, make_events
):
    reports, clock = [], ManualClock()
    events = make_events(1, 400)
    size = len(events[0].envelope.body) + 256
    mirror = make_mirror(own_server, kernel, reports, max_bytes=400 * size, clock=clock)
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.step()
    mirror.offer(events)
    os.kill(own_server.pid, signal.SIGCONT)
    clock.advance(1.0)
    seen = []
    while mirror.view().pending:
        mirror.step()
        seen.append((mirror.view().pending, mirror.view().state))
    assert seen == [(336, "degraded"), (208, "degraded"), (0, "live")]


def test_an_observer_that_stops_reading_is_disconnected_and_holds_nobody_up(
    own_server, kernel, make_mirror, make_events, wait_until
):
    reports = []
    with redis.Redis.from_url(own_server.url) as client:
        lazy = client.pubsub()
        lazy.psubscribe("retinue:*")
        lazy.parse_response(timeout=5)
        mirror = make_mirror(own_server, kernel, reports, timeout=10.0, max_bytes=1 << 30)
        body = b'"' + b"x" * 8_000 + b'"'  # larger texts are shared, and not counted per client
        mirror.offer(make_events(1, 5_000, body=body))
        _step_until_quiet(mirror)
        assert mirror.view().published == 5_000
        assert reports == []
        wait_until(lambda: client.pubsub_numpat() == 0)


def test_only_selected_events_are_mirrored(server, client, kernel, make_mirror, make_events):
    mirror = make_mirror(server, kernel, [], selection=Selection(exclude=["agent.text"]))
    mirror.offer(make_events(1, 2) + make_events(3, 2, "agent.text") + make_events(5, 1))
    _step_until_quiet(mirror)
    assert _seqs(client, kernel) == [1, 2, 5]
    assert mirror.published == 5
    assert mirror.view().published == 3


def test_waiting_for_observers_ends_when_they_were_told(
    server, kernel, make_mirror, make_events, in_background
):
    mirror = make_mirror(server, kernel, [])
    told = in_background(mirror.wait_published, 3, 20.0)
    mirror.offer(make_events(1, 3))
    _step_until_quiet(mirror)
    assert told() is True


def test_nobody_waits_for_observers_while_redis_is_away(
    own_server, kernel, make_mirror, make_events, in_background, wait_until
):
    mirror = make_mirror(own_server, kernel, [])
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.offer(make_events(1, 3))
    told = in_background(mirror.wait_published, 3, 1_000.0)
    mirror.step()
    assert told() is False
    assert mirror.wait_published(4, 1_000.0) is False
    assert not mirror.awaits(4)


def test_closing_publishes_what_waits_and_gives_up_the_name(
    server, client, kernel, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    mirror.offer(make_events(1, 3_000))
    assert mirror.close(10.0) == 0
    assert client.xlen(stream(kernel)) == 3_000
    assert client.get(f"retinue:{{{kernel}}}:journal") == b"journal-1/"
    assert mirror.view().state == "off"


def test_closing_while_redis_is_away_ends_after_one_attempt_and_says_what_is_left(
    own_server, kernel, make_mirror, make_events
):
    mirror = make_mirror(own_server, kernel, [])
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.offer(make_events(1, 3))
    assert mirror.close(1_000.0) == 3
    assert mirror.view().pending == 3


def test_a_closed_mirror_can_begin_again_and_what_came_meanwhile_is_published(
    server, client, kernel, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    mirror.offer(make_events(1, 3))
    mirror.close()
    mirror.offer(make_events(4, 3))
    assert not mirror.awaits(6)
    mirror.attach(lambda: None)
    assert mirror.awaits(6)
    _step_until_quiet(mirror)
    assert _seqs(client, kernel) == [1, 2, 3, 4, 5, 6]
    assert mirror.view().state == "live"


def test_a_batch_is_not_tried_again_before_its_back_off_is_over(
    own_server, kernel, make_mirror, make_events
):
    mirror = make_mirror(own_server, kernel, [], clock=ManualClock())
    os.kill(own_server.pid, signal.SIGSTOP)
    mirror.offer(make_events(1, 3))
    delay = mirror.step()
    os.kill(own_server.pid, signal.SIGCONT)
    assert mirror.step() == pytest.approx(delay, abs=1e-6)
    assert mirror.view().state == "degraded"


@pytest.mark.parametrize("state", ["live", "off"])
def test_its_repr_tells_its_state(server, kernel, make_mirror, state):
    mirror = make_mirror(server, kernel, [])
    if state == "off":
        mirror.close()
    assert repr(mirror) == f"<Mirror {state} {server.describe()} pending=0 dropped=0>"


def _step_until_quiet(mirror):
    """Step until nothing waits; back-offs are skipped, not slept through."""
    for _ in range(1_000):
        if not mirror.flush(20.0):
            return
    raise AssertionError(f"{mirror!r} did not come to rest")


def _seqs(client, kernel):
    return [int(entry.partition(b"-")[0]) for entry, _ in client.xrange(stream(kernel))]
