"""Readers need no more than the rights that are printed for them."""

from __future__ import annotations

import pytest

from retinue.bus.errors import Unavailable
from retinue.bus.redis.acl import observer_all
from retinue.bus.redis.groups import GroupReader
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.topics import readers_key, stream
from retinue.kernel import Config, Kernel


@pytest.fixture
def allowed(server, client, kernel):
    """``allowed("fill", …)``: a URL for an observer that may do these things."""

    def url(*may):
        user = observer_all(kernel, name=f"o-{kernel}", may=may)
        client.execute_command("ACL", "SETUSER", user.name, *user.rules("nopass"))
        return f"{server.url}?username={user.name}&password=x"

    return url


def test_a_reader_reads_fills_and_notes_its_place_with_the_rights_for_that(
    server, client, kernel, allowed, wait_until
):
    with Kernel(kernel, config=Config(redis=server.url)) as running:
        running.submit("echo", {"text": "hello"}).result(timeout=10)
        wait_until(lambda: not running.status().bus.pending)
        whole = [event.seq for event in running.events(after="start", follow=False)]
        client.xtrim(stream(kernel), maxlen=2, approximate=False)
        with Subscriber(allowed("fill", "name"), kernel, 0, name="billing") as reader:
            gap = next(reader.read(timeout=10))
            assert [event.seq for event in gap.fill()] == whole[: len(gap)]
            wait_until(lambda: list(reader.read(timeout=0.1)) == [] and reader.live)
        assert client.hexists(readers_key(kernel), "billing")


def test_a_reader_that_may_not_note_its_place_is_refused_at_once(kernel, allowed):
    with pytest.raises(Unavailable, match="permissions"):
        Subscriber(allowed("fill"), kernel, name="billing").open()


def test_a_reader_that_may_not_ask_is_told_so_and_reads_on(
    client, publisher, kernel, allowed, make_events
):
    publisher.publish(make_events(1, 5))
    client.xtrim(stream(kernel), maxlen=1, approximate=False)
    with Subscriber(allowed(), kernel, 0) as reader:
        items = reader.read(timeout=10)
        with pytest.raises(Unavailable, match="permissions"):
            next(items).fill()
        assert next(items).seq == 5


def test_a_group_is_read_with_the_rights_for_that(publisher, kernel, allowed, make_events):
    publisher.publish(make_events(1, 3))
    url = allowed("group")
    with GroupReader(url, "g", "dead", kernel, "first", idle=0.05) as dead:
        assert len([next(dead.read(timeout=10))]) == 1
    with GroupReader(url, "g", "heir", kernel, idle=0.05) as heir:
        items = []
        for item in heir.read(timeout=10):
            heir.acknowledge(item)
            items.append(item.event.seq)
            if len(items) == 3:
                break
        assert items == [1, 2, 3]
        assert heir.lag().pending == {}
