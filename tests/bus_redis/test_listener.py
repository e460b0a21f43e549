"""The kernel's listener on a real Redis: what it hears, and that it always hears again."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import redis

from retinue.bus.journal import MemoryStore
from retinue.bus.redis.client import connection
from retinue.bus.redis.echoes import Echoes
from retinue.bus.redis.fills import FillServer
from retinue.bus.redis.intake import Intake
from retinue.bus.redis.link import Link
from retinue.bus.redis.listener import FillEar, Listener, TelemetryEar
from retinue.bus.redis.private import PrivateServer
from retinue.bus.topics import Selection

from .test_inbound import THOUGHT


def thought(text="x"):
    return json.dumps({**THOUGHT, "message": text}).encode()


class Hearing:
    """A listener on a thread of its own, and what it took in."""

    def __init__(self, url, kernel, rate=100_000, echoes=None):
        self.echoes = Echoes() if echoes is None else echoes
        self.channel = f"logs:{kernel}"
        self.link = Link(connection(url, 0.5), self.channel, 65_536, self.echoes.subscribed)
        self.intake = Intake(self.channel, rate, self.echoes, waiting=1_000_000)
        fills = FillServer(connection(url, 0.5), kernel, MemoryStore(), Selection())
        asked = FillEar(Link(connection(url, 0.5), f"retinue:{{{kernel}}}:fill", 1_024), fills)
        self.fills = fills
        self.listener = Listener(asked, TelemetryEar(self.link, self.intake, self.echoes))
        self.listener.open()
        self.heard = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.listener.closing:
            self.listener.step(0.5)
            self.heard += [told.body.message for told in self.listener.told(1_000_000)]
        self.listener.close()

    def close(self):
        self.listener.wake()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def hear(wait_until):
    """``hear(server, kernel)`` gives a listener that has subscribed."""
    made = []

    def start(server, kernel, **options):
        made.append(Hearing(server.url, kernel, **options))
        wait_until(lambda: made[-1].listener.listening)
        return made[-1]

    yield start
    for hearing in made:
        hearing.close()


def test_what_others_publish_is_heard_in_order(hear, server, kernel, client, wait_until):
    hearing = hear(server, kernel)
    for n in range(500):
        client.publish(hearing.channel, thought(str(n)))
    wait_until(lambda: len(hearing.heard) == 500)
    assert hearing.heard == [str(n) for n in range(500)]


def test_a_killed_connection_is_made_again(hear, server, kernel, client, wait_until):
    hearing = hear(server, kernel)
    for round_ in range(3):
        client.client_kill_filter(_type="pubsub")
        wait_until(lambda n=round_: hearing.link.losses == n + 1)
        wait_until(lambda: hearing.listener.listening)
        client.publish(hearing.channel, thought(str(round_)))
        wait_until(lambda n=round_: len(hearing.heard) == n + 1)
    assert hearing.intake.dropped == {"cut_off": 3}


def test_a_server_that_was_restarted_is_heard_again(hear, binary, kernel, wait_until):
    server = PrivateServer(binary)
    server.start()
    try:
        hearing = hear(server, kernel)
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: hearing.link.losses == 1)
        wait_until(lambda: hearing.listener.listening)
        client = redis.Redis.from_url(server.url)
        client.publish(hearing.channel, thought("again"))
        wait_until(lambda: hearing.heard == ["again"])
        client.close()
    finally:
        server.stop()


def test_a_server_that_says_nothing_is_left_for_a_new_connection(
    monkeypatch, hear, own_server, kernel, wait_until
):
    monkeypatch.setattr("retinue.bus.redis.link._SILENCE", 0.2)
    hearing = hear(own_server, kernel)
    os.kill(own_server.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: hearing.link.losses == 1)
        assert "does not answer" in hearing.link.trouble
    finally:
        os.kill(own_server.pid, signal.SIGCONT)
    wait_until(lambda: hearing.listener.listening)


def test_a_server_that_is_there_is_asked_and_keeps_its_connection(
    monkeypatch, hear, server, kernel, client, wait_until
):
    monkeypatch.setattr("retinue.bus.redis.link._SILENCE", 0.02)
    hearing = hear(server, kernel)

    def pings():
        return int(client.info("commandstats")["cmdstat_ping"]["calls"])

    wait_until(lambda: pings() > 10)
    assert hearing.link.losses == 0
    client.publish(hearing.channel, thought())
    wait_until(lambda: hearing.heard == ["x"])


def test_a_channel_that_is_not_granted_is_tried_again_and_named(
    hear, own_server, kernel, wait_until
):
    admin = redis.Redis.from_url(own_server.url)
    admin.execute_command("ACL", "SETUSER", "default", "resetchannels")
    hearing = Hearing(own_server.url, kernel)
    wait_until(lambda: "permissions" in hearing.link.trouble)
    assert not hearing.listener.listening
    admin.execute_command("ACL", "SETUSER", "default", "allchannels")
    wait_until(lambda: hearing.listener.listening)
    hearing.close()
    admin.close()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00" * 1_000,
        b"\xff\xfe",
        b"x" * (1 << 20),
        b"[" * 60_000,
        thought("\x1b[2J"),
        thought().replace(b"run-7", b"run:7"),
        thought().replace(b"look", b"\\ud800"),
        b"*3\r\n$7\r\nmessage\r\n",
    ],
)
def test_the_listener_goes_on_whatever_is_published(
    hear, server, kernel, client, wait_until, payload
):
    hearing = hear(server, kernel)
    client.publish(hearing.channel, payload)
    client.publish(f"retinue:{{{kernel}}}:fill", payload)
    client.publish(hearing.channel, thought("after"))
    wait_until(lambda: "after" in hearing.heard)
    wait_until(lambda: hearing.fills.refused == 1)
    assert hearing.link.losses == 0


def test_a_flood_is_taken_in_at_its_rate_and_the_rest_is_counted(
    hear, server, kernel, client, wait_until
):
    hearing = hear(server, kernel, rate=200)
    began = time.monotonic()
    for _ in range(10):
        pipeline = client.pipeline(transaction=False)
        for _ in range(1_000):
            pipeline.publish(hearing.channel, thought())
        pipeline.execute()

    def accounted():
        return hearing.intake.taken + hearing.intake.dropped.get("flood", 0)

    wait_until(lambda: accounted() == 10_000, timeout=30)
    assert hearing.intake.taken <= 200 * (1 + time.monotonic() - began) + 1
    assert hearing.link.losses == 0


def test_requests_are_heard_during_a_flood(hear, server, kernel, client, wait_until):
    hearing = hear(server, kernel, rate=10)
    stop = threading.Event()

    def flood():
        with redis.Redis.from_url(server.url, protocol=2) as other:
            while not stop.is_set():
                pipeline = other.pipeline(transaction=False)
                for _ in range(200):
                    pipeline.publish(hearing.channel, thought())
                pipeline.execute()

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        wait_until(lambda: hearing.intake.dropped.get("flood", 0) > 1_000)
        request = {"id": "0" * 32, "first": 1, "last": 1}
        client.publish(f"retinue:{{{kernel}}}:fill", json.dumps(request))
        key = f"retinue:{{{kernel}}}:fill:{'0' * 32}"
        assert json.loads(client.blpop(key, timeout=5)[1])["next"] is None
    finally:
        stop.set()
        thread.join()


def test_its_own_messages_are_never_taken_in(hear, server, kernel, client, wait_until):
    hearing = hear(server, kernel)
    for n in range(100):
        hearing.echoes.note(thought(str(n)))
        client.publish(hearing.channel, thought(str(n)))
    client.publish(hearing.channel, thought("7"))
    client.publish(hearing.channel, thought("of another"))
    wait_until(lambda: hearing.heard)
    assert (hearing.heard, hearing.intake.own) == (["of another"], 101)


def test_when_it_cannot_know_its_own_messages_it_begins_anew(
    hear, server, kernel, client, wait_until
):
    hearing = hear(server, kernel, echoes=Echoes(keep=10))
    for n in range(11):
        hearing.echoes.note(thought(str(n)))
    for n in range(11):
        client.publish(hearing.channel, thought(str(n)))
    wait_until(lambda: hearing.link.losses == 1)
    wait_until(lambda: hearing.listener.listening)
    client.publish(hearing.channel, thought("of another"))
    wait_until(lambda: hearing.heard)
    assert hearing.heard == ["of another"]


def test_it_ends_at_once_while_it_waits(hear, server, kernel):
    hearing = hear(server, kernel)
    began = time.monotonic()
    hearing.close()
    assert time.monotonic() - began < 5


def test_it_leaves_no_descriptor_behind(server, kernel, wait_until):
    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    for _ in range(3):
        hearing = Hearing(server.url, kernel)
        wait_until(lambda one=hearing: one.listener.listening)
        hearing.close()
    assert descriptors() == before


def test_it_hears_over_the_newer_protocol_too(server, kernel, client, wait_until):
    hearing = Hearing(f"{server.url}?protocol=3", kernel)
    wait_until(lambda: hearing.listener.listening)
    client.publish(hearing.channel, thought("pushed"))
    wait_until(lambda: hearing.heard == ["pushed"])
    hearing.close()
