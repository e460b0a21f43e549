"""Many clients at once: idle, stalled, each with wants of its own."""

from __future__ import annotations

import gc
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from retinue.kernel.api_config import ApiConfig
from retinue.kernel.client import Client
from retinue.kernel.config import Config

from .conftest import serving

MANY, IDLE = 200, 500
MB = 1 << 20


def test_idle_clients_cost_little_and_all_hear_what_happens(served, wait_until):
    before = _memory()
    with ExitStack() as stack:
        clients = [stack.enter_context(_follower(served, "type=run.*")) for _ in range(MANY)]
        wait_until(lambda: sum(c.group is not None for c in served.hub.clients) == MANY)
        assert _memory() - before < 16 * MB
        run = served.talk()
        for client in clients:
            assert _heard(client, f'"{run}"'.encode())
    wait_until(lambda: not served.hub.clients)


@pytest.mark.parametrize("alike", [True, False])
def test_stalled_clients_cost_bounded_memory_and_hold_up_nobody(served, wait_until, alike):
    served.talk()
    before = _memory()
    with ExitStack() as stack:
        for number in range(MANY):
            wants = "type=*" if alike else f"type=*&type=no.{number}"
            stack.enter_context(_follower(served, wants))
        wait_until(lambda: sum(c.group is not None for c in served.hub.clients) == MANY)
        talked = 0
        while talked < 6:
            served.talk(thoughts=500, text="x" * 500)
            talked += 1
        last = served.kernel.last_seq
        with served.sent(f"/v1/events?from={last}") as healthy:
            assert next(healthy.items()).seq == last
        wait_until(lambda: served.hub.position >= last, timeout=30)
        assert _memory() - before < 32 * MB
        assert all(c.backlog.bytes <= served.hub.share + 20_000 for c in served.hub.clients)
        assert any(c.backlog.dropped for c in served.hub.clients)


def test_hundreds_of_idle_connections_cost_little_and_hold_up_nobody(tmp_path, wait_until):
    most = Config(api=ApiConfig(connections=IDLE + 10))
    with serving(tmp_path, tcp="127.0.0.1:0", config=most) as served, ExitStack() as stack:
        token = served.bearer("operator").removeprefix("Bearer ")
        client = Client(url=f"http://{served.server.address}", token=token)
        assert client.status().name == "main"
        wait_until(lambda: not served.server.connections)
        before = _memory()
        for number in range(IDLE):
            stack.enter_context(_idle(served.server.address, number % 3))
        wait_until(lambda: served.server.connections == IDLE)
        assert _memory() - before < 32 * MB
        assert client.submit("shout", {"text": "hi"}, wait=30).result == "HI"
        assert served.client.status().name == "main"
        with served.sent("/v1/events?from=start") as sent:
            assert next(sent.items()).seq == 1
        stack.close()
        wait_until(lambda: not served.server.connections)


def _idle(address, kind) -> socket.socket:
    """One that says nothing, one that begins to, or one that asked once and stays."""
    host, port = address.split(":")
    made = socket.create_connection((host, int(port)), timeout=30)
    if kind == 1:
        made.sendall(b"GET /healthz HT")
    elif kind == 2:
        made.sendall(f"GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        assert made.recv(4096).startswith(b"HTTP/1.1 200")
    return made


def _follower(served, wants) -> socket.socket:
    return served.stuck(f"/v1/events?from=now&{wants}", "Accept: text/event-stream")


def _heard(client, word: bytes) -> bool:
    data = b""
    while word not in data:
        data += client.recv(65536)
    return True


def _memory() -> int:
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096
