"""Connections take descriptors: as many as there are, and never those that the daemon needs."""

from __future__ import annotations

import resource
import socket
import subprocess

import pytest

from retinue.kernel.client import Client
from retinue.kernel.descriptors import RESERVED, room_for

from .conftest import RETINUE, environment

NEVER = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("connections", "soft", "hard", "expected"),
    [
        (2048, 1024, 524_288, (2560, 2048)),
        (2048, 20_000, 20_000, (20_000, 2048)),
        (2048, 1024, 1200, (1200, 1200 - RESERVED)),
        (2048, 256, 256, (256, 128)),
        (10, 256, 4096, (522, 10)),
        (10, 256, 256, (256, 10)),
        (1, 1, 1, (1, 1)),
        (2048, 1024, NEVER, (2560, 2048)),
        (2048, NEVER, NEVER, (NEVER, 2048)),
    ],
)
def test_the_limit_is_raised_as_far_as_it_takes_and_may_go(connections, soft, hard, expected):
    assert room_for(connections, soft, hard) == expected


def test_whoever_takes_all_connections_leaves_the_daemon_its_own(tmp_path, wait_until):
    limited = ["bash", "-c", 'ulimit -Sn 300; ulimit -Hn 600; exec "$@"', "-"]
    flags = ["--state-dir", str(tmp_path / "state"), "--redis", "none", "--listen", "127.0.0.1:0"]
    daemon = subprocess.Popen(
        [*limited, *RETINUE, "run", "--json", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(RETINUE_API_CONNECTIONS="100000"),
    )
    taken = []
    try:
        assert "ready" in daemon.stdout.readline()
        client = Client(tmp_path / "state" / "retinue.sock")
        host, port = client.status().listen.split(":")
        taken = [socket.create_connection((host, int(port)), timeout=30) for _ in range(700)]
        assert client.submit("echo", {"text": "hi"}, wait=30).result == {"text": "hi"}
        wait_until(lambda: sum(map(_is_cut, taken)) == 700 - 300)
    finally:
        for one in taken:
            one.close()
        daemon.terminate()
        _, log = daemon.communicate(timeout=30)
    assert "takes 300 connections at once and not 100000" in log


def _is_cut(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
