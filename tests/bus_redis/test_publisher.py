"""What observers get, in which order, and what happens when a group comes twice."""

from __future__ import annotations

import json

import pytest
import redis

from retinue.bus.clock import SystemClock
from retinue.bus.errors import CodecError, ConfigError, Unavailable
from retinue.bus.redis import scripts
from retinue.bus.redis.adapted import Behind
from retinue.bus.redis.client import command_client
from retinue.bus.redis.dialects import LiveLogs, Projected
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.topics import channel, heartbeat_key, journal_key, stream
from retinue.bus.wire import parse

_USER = (
    "ACL", "SETUSER", "kernel", "resetchannels", "on", ">pw", "+eval", "+evalsha", "+script|load",
    "+get", "+set", "+del", "+xadd", "+xtrim", "+xlen", "+xrange", "+xrevrange", "+hlen", "+hgetall",
    "+publish", "+ping",
)  # fmt: skip


def test_an_event_is_published_on_the_channel_of_its_kernel_run_and_type(
    client, publisher, kernel, make_events
):
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.psubscribe(f"retinue:{{{kernel}}}:events:*")
    _settle(heard)
    publisher.publish(make_events(1, 1) + make_events(2, 1, "kernel.started", run="", agent=""))
    assert [m["channel"].decode() for m in _messages(heard, 2)] == [
        f"retinue:{{{kernel}}}:events:r-1:tool.called",
        f"retinue:{{{kernel}}}:events:-:kernel.started",
    ]


def test_a_pattern_over_types_with_literal_braces_selects_tool_events(
    client, publisher, kernel, make_events
):
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.psubscribe(f"retinue:{{{kernel}}}:events:*:tool.*")
    _settle(heard)
    publisher.publish(make_events(1, 1, "agent.thought") + make_events(2, 1, "tool.called"))
    publisher.publish(make_events(3, 1, "tool.returned"))
    assert [json.loads(m["data"])["type"] for m in _messages(heard, 2)] == [
        "tool.called",
        "tool.returned",
    ]


def test_the_stream_has_each_event_under_its_seq_and_as_it_was_published(
    client, publisher, kernel, make_events
):
    events = make_events(1, 3)
    assert publisher.publish(events) == 3
    entries = client.xrange(stream(kernel))
    assert [entry for entry, _ in entries] == [b"1-0", b"2-0", b"3-0"]
    assert [fields[b"seq"] for _, fields in entries] == [b"1", b"2", b"3"]
    observed = [parse(fields[b"event"]) for _, fields in entries]
    assert [(o.seq, o.id, o.data) for o in observed] == [(e.seq, e.id, e.data) for e in events]


def test_an_event_is_in_the_stream_before_it_is_published(client, publisher, kernel, make_events):
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.subscribe(channel(kernel, "r-1", "tool.called"))
    _settle(heard)
    publisher.publish(make_events(1, 1))
    seq = parse(_messages(heard, 1)[0]["data"]).seq
    assert client.xrevrange(stream(kernel), count=1)[0][0] == b"%d-0" % seq


def test_groups_that_span_many_round_trips_arrive_complete_and_in_order(
    client, publisher, kernel, make_events
):
    assert publisher.publish(make_events(1, 5_000)) == 5_000
    seqs = [int(fields[b"seq"]) for _, fields in client.xrange(stream(kernel))]
    assert seqs == list(range(1, 5_001))


def test_what_the_stream_has_is_neither_added_nor_published_again(
    client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 600))
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.psubscribe(f"retinue:{{{kernel}}}:events:*")
    _settle(heard)
    publisher.disconnect()
    assert publisher.publish(make_events(1, 602)) == 2
    assert [parse(m["data"]).seq for m in _messages(heard, 2)] == [601, 602]
    assert client.xlen(stream(kernel)) == 602


def test_the_stream_is_trimmed_to_about_its_bound(client, server, kernel, make_events):
    publisher = Publisher(server.url, kernel, "j", max_entries=200)
    for first in range(1, 2_001, 100):
        publisher.publish(make_events(first, 100))
        publisher.trim(lambda report: None)
    publisher.close()
    assert 200 <= client.xlen(stream(kernel)) <= 400
    assert client.xrevrange(stream(kernel), count=1)[0][0] == b"2000-0"


def test_a_new_journal_begins_a_new_stream(client, server, kernel, make_events):
    first = Publisher(server.url, kernel, "journal-1")
    first.publish(make_events(1, 10))
    first.disconnect()  # as if killed: it does not give up its name
    second = Publisher(server.url, kernel, "journal-2")
    assert second.publish(make_events(1, 3)) == 3
    assert client.xlen(stream(kernel)) == 3
    second.close()


def test_a_journal_that_goes_on_keeps_its_stream(client, server, kernel, make_events):
    for first in (1, 11):
        publisher = Publisher(server.url, kernel, f"started-at-{first}")
        publisher.publish(make_events(first, 10))
        publisher.disconnect()
    assert client.xlen(stream(kernel)) == 20


def test_of_two_kernels_with_one_name_the_older_is_told_and_the_stream_stays_clean(
    client, server, kernel, make_events
):
    older = Publisher(server.url, kernel, "journal-1")
    newer = Publisher(server.url, kernel, "journal-2")
    older.publish(make_events(1, 5))
    newer.publish(make_events(1, 2))
    for _ in range(2):
        with pytest.raises(Unavailable, match=f"another kernel named '{kernel}'"):
            older.publish(make_events(6, 5))
    assert client.xlen(stream(kernel)) == 2
    newer.close()
    assert older.publish(make_events(6, 5)) == 5


def test_flushed_scripts_are_brought_again(client, publisher, make_events):
    publisher.publish(make_events(1, 1))
    client.script_flush()
    assert publisher.publish(make_events(2, 1)) == 1


def test_an_emptied_server_gets_what_comes_next(client, own_server, kernel, make_events):
    publisher = Publisher(own_server.url, kernel, "j")
    publisher.publish(make_events(1, 10))
    with command_client(own_server.url) as own:
        own.flushall()
        assert publisher.publish(make_events(11, 1)) == 1
        assert own.xlen(stream(kernel)) == 1


def test_a_group_whose_predecessor_was_refused_is_refused_as_well(
    client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 5))
    keys = (stream(kernel), journal_key(kernel))
    rest = ("json", "8", "channel", "payload")
    with pytest.raises(redis.ResponseError, match="BEHIND the stream ends at 5"):
        client.eval(scripts.PUBLISH, 2, *keys, "journal-1", 7, *rest)
    assert client.eval(scripts.PUBLISH, 2, *keys, "journal-1", 5, *rest) == 1


def test_a_group_is_not_let_in_past_one_that_redis_refused(own_server, kernel, make_events):
    with command_client(own_server.url) as own:
        own.execute_command(
            *_USER, f"~retinue:{{{kernel}}}:*", f"&retinue:{{{kernel}}}:events:r-2:*"
        )
        publisher = Publisher(own_server.url.replace("unix://", "unix://kernel:pw@"), kernel, "j")
        events = make_events(1, 256, run="r-1") + make_events(257, 256, run="r-2")
        with pytest.raises(Unavailable, match=r"permission|can't publish"):
            publisher.publish(events)
        assert own.xlen(stream(kernel)) == 1
        own.execute_command("ACL", "SETUSER", "kernel", "allchannels")
        publisher.publish(events)
        assert own.xlen(stream(kernel)) == 512


def test_a_server_that_takes_too_long_for_a_batch_is_unavailable(server, kernel, make_events):
    class Hasty(SystemClock):
        now = 0.0

        def monotonic(self):
            self.now += 0.4
            return self.now

    publisher = Publisher(server.url, kernel, "j", timeout=1.0, clock=Hasty())
    with pytest.raises(Unavailable, match="longer than 1 s for a batch"):
        publisher.publish(make_events(1, 256 * 6))
    publisher.disconnect()


def test_a_full_server_is_unavailable_and_nothing_is_lost_once_it_has_room(
    own_server, kernel, make_events
):
    publisher = Publisher(own_server.url, kernel, "j")
    publisher.publish(make_events(1, 1))
    with command_client(own_server.url) as own:
        own.config_set("maxmemory", 1)
        with pytest.raises(Unavailable, match="maxmemory"):
            publisher.publish(make_events(2, 600))
        own.config_set("maxmemory", 0)
        publisher.publish(make_events(2, 600))
        assert own.xlen(stream(kernel)) == 601


def test_a_closed_connection_is_made_again_without_an_error(client, publisher, make_events):
    publisher.publish(make_events(1, 1))
    client.client_kill_filter(_type="normal", skipme=True)
    assert publisher.publish(make_events(2, 1)) == 1


def test_the_live_logs_dialect_follows_each_event_and_comes_once(
    client, server, kernel, make_events
):
    name = f"logs-{kernel}"
    publisher = Publisher(server.url, kernel, "j", dialects=[LiveLogs(name)])
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.subscribe(name)
    heard.psubscribe(f"retinue:{{{kernel}}}:events:*")
    _settle(heard, 2)
    publisher.publish(make_events(1, 1))
    publisher.publish(make_events(1, 1) + make_events(2, 1, "task.queued"))
    publisher.close()
    messages = _messages(heard, 3)
    assert [m["channel"].decode().rpartition(":")[2] for m in messages] == [
        "tool.called",
        name,
        "task.queued",
    ]
    assert json.loads(messages[1]["data"])["metadata"] == "IO_REQ"


def test_dialects_in_streams_are_trimmed_and_get_each_event_once(
    client, server, kernel, make_events
):
    class Numbers:
        def project(self, event):
            said = b"%d" % event.seq
            return [
                Projected("stream", f"{kernel}:numbers", said),
                Projected("channel", f"{kernel}:said", said),
                Projected("stream", f"{kernel}:more", said),
            ]

    class Speechless:
        def project(self, event):
            raise CodecError("no words", b"")

    publisher = Publisher(server.url, kernel, "j", dialects=[Speechless(), Numbers()])
    publisher.publish(make_events(1, 400))
    publisher.publish(make_events(1, 400) + make_events(401, 1))
    for key in ("numbers", "more"):
        entries = [fields for _, fields in client.xrange(f"{kernel}:{key}")]
        assert entries == [{b"json": b"%d" % seq} for seq in range(1, 402)]
    for first in range(402, 20_402, 1_000):
        publisher.publish(make_events(first, 1_000))
    publisher.close()
    assert 10_000 <= client.xlen(f"{kernel}:numbers") < 10_200


def test_what_redis_only_fills_in_is_told_to_no_channel_and_no_dialect(
    client, server, kernel, make_events
):
    publisher = Publisher(server.url, kernel, "j", dialects=[LiveLogs(f"logs-{kernel}")])
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.psubscribe(f"retinue:{{{kernel}}}:events:*", f"logs-{kernel}", "end")
    _settle(heard, 3)
    assert publisher.fill(make_events(1, 600), 0) == 600
    assert publisher.fill(make_events(501, 200), 500, 600) == 100
    client.publish("end", "")
    assert _messages(heard, 1)[0]["channel"] == b"end"
    assert client.xlen(stream(kernel)) == 700
    publisher.close()


def test_publishing_on_a_stream_that_lacks_what_was_mirrored_is_refused(
    client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 5))
    with pytest.raises(Behind, match="has lost events"):
        publisher.publish(make_events(8, 5), 7, floor=7)
    assert client.xlen(stream(kernel)) == 5
    assert publisher.standing(8) == 5
    assert publisher.publish(make_events(6, 7), 5, floor=5) == 7


def test_a_heartbeat_is_a_key_that_expires_and_a_message_and_the_last_one_says_so(
    client, publisher, kernel, make_events
):
    key = heartbeat_key(kernel)
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.subscribe(key)
    _settle(heard)
    publisher.publish(make_events(1, 3))
    publisher.beat(3)
    said = json.loads(client.get(key))
    assert (said["seq"], said["state"], said["every"]) == (3, "live", 1.0)
    assert 0 < client.pttl(key) <= 5_000
    publisher.close(3)
    assert not client.exists(key)
    live, closing = [json.loads(message["data"]) for message in _messages(heard, 2)]
    assert live == said
    assert closing == said | {"state": "closing", "time": closing["time"]}


def test_a_heartbeat_is_not_given_for_a_stream_that_lacks_events_or_is_anothers(
    client, server, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 3))
    with pytest.raises(Behind):
        publisher.beat(4)
    other = Publisher(server.url, kernel, "journal-2")
    other.publish(make_events(1, 1))
    with pytest.raises(Unavailable, match="another kernel"):
        publisher.beat(1)
    assert not client.exists(heartbeat_key(kernel))
    other.close()


def test_msgpack_is_marked_in_the_entry_and_read_as_json_is(client, server, kernel, make_events):
    publisher = Publisher(server.url, kernel, "j", form="msgpack")
    events = make_events(1, 2)
    publisher.publish(events)
    publisher.fill(make_events(3, 1), 2)
    entries = [fields for _, fields in client.xrange(stream(kernel))]
    assert [fields[b"form"] for fields in entries] == [b"msgpack"] * 3
    assert [parse(fields[b"event"]).data for fields in entries[:2]] == [e.data for e in events]
    assert publisher.standing(4) == 3
    with Subscriber(server.url, kernel, 0) as reader:
        seen = [event for _, event in zip(range(3), reader.read(10), strict=False)]
    assert [event.data for event in seen[:2]] == [event.data for event in events]
    publisher.close()


def test_a_large_payload_goes_by_reference(client, server, kernel, make_events):
    publisher = Publisher(server.url, kernel, "j", payload_bytes=1_000)
    body = b'{"text":"%s"}' % (b"x" * 1_000)
    publisher.publish(make_events(1, 1, body=body) + make_events(2, 1))
    large, small = [parse(fields[b"event"]) for _, fields in client.xrange(stream(kernel))]
    assert (large.data, large.dataref, large.databytes) == (None, "/v1/events/1", len(body))
    assert (small.dataref, small.data["tool"]) == ("", "echo")
    publisher.close()


def test_by_default_no_dialect_is_spoken(client, publisher, make_events):
    heard = client.pubsub(ignore_subscribe_messages=True)
    heard.subscribe("raro:live_logs", "end")
    _settle(heard, 2)
    publisher.publish(make_events(1, 1))
    client.publish("end", "")
    assert _messages(heard, 1)[0]["channel"] == b"end"


def test_a_password_shows_in_no_repr_and_in_no_error(own_server, kernel, make_events):
    with command_client(own_server.url) as own:
        own.acl_setuser("bob", enabled=True, passwords=["+s3cret"], commands=["+ping"])
    url = own_server.url.replace("unix://", "unix://bob:s3cret@")
    publisher = Publisher(url, kernel, "j")
    with pytest.raises(Unavailable) as refused:
        publisher.publish(make_events(1, 1))
    wrong = Publisher(url.replace("s3cret", "wr0ng"), kernel, "j")
    with pytest.raises(Unavailable) as denied:
        wrong.ping()
    said = repr(publisher) + str(refused.value) + str(denied.value) + repr(denied.value)
    assert "permission" in str(refused.value)
    assert "s3cret" not in said
    assert "wr0ng" not in said


def test_a_user_with_no_more_rights_than_it_needs_can_publish(own_server, kernel, make_events):
    with command_client(own_server.url) as own:
        own.execute_command(*_USER, f"~retinue:{{{kernel}}}:*", f"&retinue:{{{kernel}}}:events:*")
    publisher = Publisher(own_server.url.replace("unix://", "unix://kernel:pw@"), kernel, "j")
    assert publisher.publish(make_events(1, 2)) == 2
    publisher.close()


@pytest.mark.parametrize("name", ["Main", "a:b", "", "a{b", "-a", "a b"])
def test_a_kernel_name_that_would_break_a_channel_is_refused(server, name):
    with pytest.raises(ConfigError, match="kernel name"):
        Publisher(server.url, name, "j")


def _settle(heard, subscriptions=1):
    """Wait until the server has the subscriptions."""
    for _ in range(subscriptions):
        heard.parse_response(timeout=5)


def _messages(heard, count):
    messages = []
    while len(messages) < count:
        message = heard.get_message(timeout=5)
        assert message is not None, f"{len(messages)} of {count} messages came"
        messages.append(message)
    return messages
