"""Readers against real servers that are cut off, stopped, killed, emptied, closed to them or spoilt."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading

import msgspec
import pytest
from msgspec.structs import replace

from retinue.bus.errors import Unavailable
from retinue.bus.redis.acl import observer_run
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.topics import channel, heartbeat_key, readers_key, stream

PERMISSION = re.compile("permission", re.IGNORECASE)
GARBAGE = [
    {"event": b"\xff\xfe"},
    {"event": b""},
    {"event": b"{}"},
    {"event": b"[" * 5000},
    {"event": b'{"specversion":"1.0"'},
    {"nothing": b"here"},
    {"seq": b"5", "event": b"\x1b[2J"},
]


def test_readers_whose_connections_are_killed_again_and_again_see_each_event_once(
    server, client, publisher, kernel, make_events
):
    with Subscriber(server.url, kernel, 0) as one, Subscriber(server.url, kernel, 0) as two:
        seen = {one: [], two: []}
        for first in range(1, 101, 5):
            publisher.publish(make_events(first, 5))
            client.client_kill_filter(_type="normal", skipme=True)
            for reader in seen:
                seen[reader] += _take(reader, 5)
        assert list(seen.values()) == [list(range(1, 101))] * 2


def test_a_reader_of_a_stopped_server_says_so_and_goes_on(
    own_server, kernel, make_events, wait_until, in_background
):
    publisher = Publisher(own_server.url, kernel, "j")
    publisher.publish(make_events(1, 2))
    publisher.beat(2)
    with Subscriber(own_server.url, kernel, 0) as reader:
        assert _take(reader, 2) == [1, 2]
        os.kill(own_server.pid, signal.SIGSTOP)
        try:
            seen = in_background(_take, reader, 1)
            wait_until(lambda: reader.state == "disconnected")
            assert not reader.live
        finally:
            os.kill(own_server.pid, signal.SIGCONT)
        wait_until(lambda: _published(publisher, make_events(3, 1)))
        assert seen() == [3]


def test_a_reader_finds_a_server_that_is_back_empty_and_is_told_what_went_with_the_old_one(
    binary, kernel, make_events, wait_until
):
    server = PrivateServer(binary)
    server.start()
    publisher = Publisher(server.url, kernel, "j")
    publisher.publish(make_events(1, 3))
    with Subscriber(server.url, kernel, 0) as reader:
        assert _take(reader, 3) == [1, 2, 3]
        publisher.publish(make_events(4, 3))
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: _published(publisher, make_events(7, 1)))
        items = _take(reader, 2)
        assert items in ([Gap(4, 6), 7], [4, 5])  # it may have had them before the kill
    server.stop()


def test_events_that_vanish_at_the_end_of_the_stream_are_a_gap_though_nothing_follows_them(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 5))
    with Subscriber(server.url, kernel, 3) as reader:
        client.xdel(stream(kernel), "4-0", "5-0")
        client.set(heartbeat_key(kernel), _beat(5, 1.0))
        assert _take(reader, 1) == [Gap(4, 5)]


def test_live_is_true_while_all_was_read_and_the_kernel_is_heard_and_never_else(
    server, publisher, kernel, make_events, wait_until
):
    with Subscriber(server.url, kernel, 0) as reader:
        assert list(reader.read(0.0)) == []
        assert (reader.live, reader.state) == (False, "silent")
        publisher.publish(make_events(1, 1))
        publisher.beat(1)
        assert _take(reader, 1) == [1]
        assert list(reader.read(0.0)) == []
        publisher.beat(1)
        assert list(reader.read(0.0)) == []
        assert reader.live
        publisher.close(1)
        assert list(reader.read(0.0)) == []
        assert (reader.live, reader.state) == (False, "silent")


@pytest.mark.parametrize("fields", GARBAGE, ids=lambda fields: str(fields)[:30])
def test_garbage_in_the_stream_is_a_gap_that_names_its_seq_and_ends_nothing(
    server, client, publisher, kernel, make_events, fields
):
    publisher.publish(make_events(1, 4))
    client.xadd(stream(kernel), fields, id="5-0")
    client.xadd(stream(kernel), fields, id="5-7")
    publisher.publish(make_events(6, 1))
    with Subscriber(server.url, kernel, 0) as reader:
        assert _take(reader, 6) == [1, 2, 3, 4, Gap(5, 5), 6]
        assert reader.skipped == 2


def test_a_stream_that_is_something_else_is_a_problem_and_no_exception(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 1))
    with Subscriber(server.url, kernel, 0) as reader:
        assert _take(reader, 1) == [1]
        client.delete(stream(kernel))
        client.set(stream(kernel), "mine")
        client.set(heartbeat_key(kernel), b"\xff[")
        assert list(reader.read(0.2)) == []
        assert (reader.state, "WRONGTYPE" in reader.problem) == ("disconnected", True)
        client.delete(stream(kernel))
        publisher.publish(make_events(2, 1))
        assert _take(reader, 1) == [2]


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_a_late_reader_and_one_that_was_there_see_the_same_in_either_form(
    server, kernel, make_events, form
):
    publisher = Publisher(server.url, kernel, "j", form=form)
    with Subscriber(server.url, kernel, 0) as early:
        publisher.publish(make_events(1, 250))
        with Subscriber(server.url, kernel, 0) as late:
            assert _whole(early, 250) == _whole(late, 250)


def test_a_registered_reader_keeps_its_cursor_in_redis_until_it_is_forgotten(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 5))
    with Subscriber(server.url, kernel, 2, name="billing") as reader:
        assert client.hgetall(readers_key(kernel)) == {b"billing": b"2"}
        assert _take(reader, 3) == [3, 4, 5]
    assert client.hgetall(readers_key(kernel)) == {b"billing": b"5"}
    with Subscriber(server.url, kernel, 5, name="billing") as reader:
        reader.forget()
    assert client.hgetall(readers_key(kernel)) == {}


def test_a_user_of_one_run_follows_its_channel_alone_and_is_told_of_each_interruption(
    server, client, publisher, kernel, make_events, in_background, wait_until
):
    url = _user(server, client, observer_run(kernel, "r-1", name=f"u-{kernel}"))
    with pytest.raises(Unavailable, match=PERMISSION):
        Subscriber(url, kernel).open()
    publisher.publish(make_events(1, 3))
    with Subscriber(url, kernel, run="r-1") as reader:
        publisher.publish(make_events(4, 1) + make_events(5, 2, run="r-2") + make_events(7, 1))
        assert _take(reader, 2) == [4, 7]
        assert reader.live
        client.client_kill_filter(user=f"u-{kernel}")
        publisher.publish(make_events(8, 1))
        seen = in_background(_take, reader, 2)
        _until_heard(client, channel(kernel, "r-1", "*"), wait_until)
        publisher.publish(make_events(9, 1) + make_events(10, 1))
        assert seen() == [Gap(8, 8), 9]


def test_a_user_of_one_run_that_begins_at_a_seq_is_told_that_it_cannot_have_what_was_before(
    server, client, publisher, kernel, make_events, in_background
):
    url = _user(server, client, observer_run(kernel, "r-1", name=f"u-{kernel}"))
    publisher.publish(make_events(1, 3))
    with Subscriber(url, kernel, 1, run="r-1") as reader:
        publisher.publish(make_events(4, 1))
        gap, event = list(_items(reader, 2))
        assert (gap, event.seq) == (Gap(2, 3), 4)
        assert "journal" in gap.how_to_fill
        with pytest.raises(Unavailable, match=PERMISSION):
            gap.fill()


def test_garbage_on_a_channel_is_passed_over_and_may_have_been_an_event(
    server, client, publisher, kernel, make_events
):
    url = _user(server, client, observer_run(kernel, "r-1", name=f"u-{kernel}"))
    with Subscriber(url, kernel, run="r-1") as reader:
        publisher.publish(make_events(1, 1))
        client.publish(channel(kernel, "r-1", "tool.called"), b"\x00\xff")
        publisher.publish(make_events(2, 1) + make_events(3, 1))
        assert _take(reader, 3) == [1, 2, 3]
        assert reader.skipped == 1


def test_permission_that_is_withdrawn_is_said_and_given_again_taken_up(
    server, client, publisher, kernel, make_events
):
    name = f"u-{kernel}"
    client.acl_setuser(name, enabled=True, nopass=True, commands=["+@all"], keys=["*"])
    with Subscriber(_as(server, name), kernel, 0) as reader:
        publisher.publish(make_events(1, 1))
        assert _take(reader, 1) == [1]
        client.execute_command("ACL", "SETUSER", name, "-@all")
        publisher.publish(make_events(2, 1))
        assert list(reader.read(0.3)) == []
        assert reader.state == "disconnected"
        assert PERMISSION.search(reader.problem)
        client.execute_command("ACL", "SETUSER", name, "+@all")
        assert _take(reader, 1) == [2]


def test_a_connection_of_which_only_this_half_is_left_is_found_out(
    server, publisher, kernel, make_events, in_background, wait_until
):
    with _Proxy(server.url) as proxy, Subscriber(proxy.url, kernel, 0) as reader:
        publisher.publish(make_events(1, 1))
        assert _take(reader, 1) == [1]
        proxy.swallow()
        seen = in_background(_take, reader, 1)
        wait_until(lambda: reader.state == "disconnected")
        publisher.publish(make_events(2, 1))
        proxy.restore()
        assert seen() == [2]


class _Proxy:
    """Passes bytes on between a reader and a server, until it keeps them to itself."""

    def __init__(self, url):
        self._server = url.removeprefix("unix://")
        self._passing = threading.Event()
        self._passing.set()
        self._swallowing = False
        self._sockets = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listening.close()
        for one in self._sockets:
            one.close()

    def swallow(self):
        self._swallowing = True

    def restore(self):
        self._swallowing = False

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._server)
                self._sockets += [near, far]
                lost = [self._swallowing]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pump, args=(source, target, lost), daemon=True
                    ).start()

    def _pump(self, source, target, lost):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                lost[0] |= self._swallowing  # for good, as on a network that forgot the connection
                if not lost[0]:
                    target.sendall(data)


def _user(server, client, user):
    client.execute_command("ACL", "SETUSER", user.name, *user.rules("nopass"))
    return _as(server, user.name)


def _as(server, name):
    return f"{server.url}?username={name}&password=x"


def _until_heard(client, pattern, wait_until):
    wait_until(lambda: client.execute_command("PUBSUB", "NUMPAT") > 0)


def _beat(seq, time):
    return msgspec.json.encode({"seq": seq, "time": time, "state": "live", "every": 1.0})


def _items(reader, count):
    for number, item in enumerate(reader.read(10), 1):
        yield item
        if number == count:
            return


def _take(reader, count):
    return [item if isinstance(item, Gap) else item.seq for item in _items(reader, count)]


def _whole(reader, count):
    return [replace(item, body=b"", source="") for item in _items(reader, count)]


def _published(publisher, events):
    try:
        return publisher.publish(events)
    except Unavailable:
        return 0
