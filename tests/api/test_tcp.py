"""What can be reached over TCP, and by whom."""

from __future__ import annotations

import http.client
import json
import random
import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from retinue.bus.errors import ConfigError, Unavailable
from retinue.bus.views import StatusView
from retinue.kernel.api import protocols
from retinue.kernel.listening import listen_tcp, parse_address

from .conftest import Sent, serving


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """A kernel that observers reach over TCP; its tests leave it as it is."""
    with serving(tmp_path_factory.mktemp("tcp"), tcp="127.0.0.1:0") as served:
        served.talk()
        yield served


def test_observers_follow_over_tcp(reached):
    connection = http.client.HTTPConnection(reached.server.address, timeout=30)
    with Sent(connection, "/v1/events?from=1&to=3", {"Authorization": reached.bearer()}) as sent:
        assert [event.seq for event in sent.items()] == [1, 2, 3]
    assert _asked(reached, "GET", "/healthz") == (200, {"ok": True, "name": "main"})
    assert _asked(reached, "GET", "/v1/events/1", Authorization=reached.bearer())[0] == 200
    with connect(f"ws://{reached.server.address}/ws/orchestrator?from=start") as client:
        assert json.loads(client.recv(10))["type"] == "reasoning"


def test_its_address_is_in_the_status(reached):
    status = reached.client.get("/v1/status", StatusView)
    assert status.listen == reached.server.address
    assert not status.listen.endswith(":0")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "localhost.:{port}"],
)
def test_a_host_that_is_not_its_own_is_refused(reached, host):
    port = reached.server.address.rpartition(":")[2]
    status, problem = _asked(reached, "GET", "/healthz", Host=host.format(port=port))
    assert (status, "Host" in problem["detail"]) == (403, True)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "file://"])
def test_a_page_of_another_site_reads_nothing(reached, origin):
    assert _asked(reached, "GET", "/v1/events/1", Origin=origin)[0] == 403
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://{reached.server.address}/events", origin=origin),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_a_page_of_its_own_reads_events(reached):
    origin = f"http://{reached.server.address}"
    headers = {"Origin": origin, "Authorization": reached.bearer()}
    assert _asked(reached, "GET", "/v1/events/1", **headers)[0] == 200
    with connect(f"ws://{reached.server.address}/events?from=start", origin=origin) as client:
        assert client.recv(10)


def test_a_request_with_a_body_is_not_waited_for(reached):
    status, problem = _asked(reached, "GET", "/v1/events/1", Content_Length="1000000")
    assert (status, "without a body" in problem["detail"]) == (403, True)


def test_a_handshake_that_cannot_be_read_is_cut(reached):
    host, port = reached.server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        head = f"GET /ws/runs/{'x' * 20_000} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        raw.sendall(head.encode() + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        assert _end_of(raw)


@pytest.mark.parametrize("seed", range(4))
def test_noise_ends_its_own_connection_and_nothing_else(reached, seed, caplog):
    chance = random.Random(seed)
    host, port = reached.server.address.split(":")
    heads = [
        f"GET /v1/events?from=start HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n",
        (
            f"GET /events?from=start HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
    ]
    with connect(f"ws://{reached.server.address}/events") as bystander:
        for _ in range(40):
            sent = bytearray(chance.choice(heads).encode() + chance.randbytes(chance.randrange(60)))
            for _ in range(chance.randrange(3)):
                sent[chance.randrange(len(sent))] = chance.randrange(256)
            with socket.create_connection((host, int(port)), timeout=30) as raw:
                raw.sendall(sent)
        assert _asked(reached, "GET", "/healthz")[0] == 200
        reached.talk()
        assert bystander.recv(10)
    assert "Exception in ASGI" not in caplog.text
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) <= 10


def test_a_request_with_two_hosts_is_refused(reached):
    host, port = reached.server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        head = f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\nHost: evil\r\n\r\n"
        raw.sendall(head.encode())
        assert raw.recv(1000).split(b"\r\n")[0].split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("127.9.9.9:80", ("127.9.9.9", 80)),
        ("localhost:8787", ("127.0.0.1", 8787)),
        ("[::1]:8787", ("::1", 8787)),
    ],
)
def test_addresses_of_this_machine_are_taken(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("example.org:80", "api.names"),
        ("127.0.0.1.nip.io:80", "api.names"),
        ("2130706433:80", "api.names"),
        ("127.0.0.1", "HOST:PORT"),
        (":80", "HOST:PORT"),
        ("127.0.0.1:99999", "HOST:PORT"),
        ("::1:80", "HOST:PORT"),
    ],
)
def test_every_other_address_is_refused_in_one_line(text, word):
    with pytest.raises(ConfigError, match=word) as refused:
        parse_address(text)
    assert "\n" not in str(refused.value)


def test_a_port_in_use_is_one_line_that_says_so():
    with listen_tcp("127.0.0.1:0") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            listen_tcp(f"127.0.0.1:{port}")


def test_guests_that_come_too_often_wait_and_the_owner_does_not(tmp_path):
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        served.hub.places.openings = (0.01, 2.0)
        for _ in range(2):
            with connect(f"ws://{served.server.address}/events"):
                pass
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(f"ws://{served.server.address}/events"),
        ):
            pass
        assert refused.value.response.status_code == 503
        assert "too many clients come at once" in refused.value.response.body.decode()
        with served.socket("/events"):
            pass


def test_guests_leave_places_to_the_owner(tmp_path):
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        served.hub.places.limit = 2
        with connect(f"ws://{served.server.address}/events"):
            with (
                pytest.raises(InvalidStatus) as refused,
                connect(f"ws://{served.server.address}/events"),
            ):
                pass
            assert "clients already follow" in refused.value.response.body.decode()
            with served.socket("/events"):
                pass


def test_a_connection_that_asks_nothing_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(protocols, "FIRST_REQUEST", 0.01)
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        host, port = served.server.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as silent:
            silent.sendall(b"GET /healthz HTT")
            assert _end_of(silent)
        with connect(f"ws://{served.server.address}/events") as client:
            served.talk()
            assert client.recv(10)


def _end_of(raw) -> bool:
    try:
        return raw.recv(100) == b""
    except ConnectionResetError:
        return True


def _asked(served, method, path, **headers):
    connection = http.client.HTTPConnection(served.server.address, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body
