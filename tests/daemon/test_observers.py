"""Observers of a real daemon: over TCP, with one cursor, across its death and its next start."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from itertools import islice

import pytest
from websockets.sync.client import connect

from retinue.bus.views import StatusView, TaskView
from retinue.kernel.client import Client
from retinue.kernel.tokens import TokenFile


def test_the_chosen_port_is_said_at_the_start_in_the_log_and_in_the_status(start):
    daemon = start("--listen", "127.0.0.1:0")
    address = daemon.ready()["listen"]
    assert daemon.client.get("/v1/status", StatusView).listen == address
    shown = daemon.retinue("status").stdout
    assert f"listens on  http://{address}" in shown
    daemon.signal(signal.SIGTERM)
    code, log = daemon.ended()
    assert (code, f"http://{address}" in log) == (0, True)


def test_the_console_is_opened_with_a_ticket_that_begins_a_session(start):
    daemon = start("--listen", "127.0.0.1:0")
    address = daemon.ready()["listen"]
    url = daemon.retinue("console", "--role", "operator").stdout.strip()
    assert url.startswith(f"http://{address}/#ticket=")
    body = json.dumps({"ticket": url.partition("=")[2]})
    answers = []
    for _ in range(2):
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request("POST", "/v1/sessions", body)
        answer = connection.getresponse()
        answers.append((answer.status, json.loads(answer.read())))
    assert [status for status, _ in answers] == [201, 400]
    session = Client(url=f"http://{address}", token=answers[0][1]["token"])
    assert session.get("/v1/me", dict)["role"] == "operator"
    assert answers[0][1]["name"] in daemon.retinue("tokens", "list").stdout


def test_nothing_listens_unless_it_is_asked_to(daemon):
    assert daemon.client.get("/v1/status", StatusView).listen == ""


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("0.0.0.0:0", "give --tls-cert and --tls-key"),
        ("192.0.2.1:80", "give --tls-cert and --tls-key"),
        ("host.example:80", "belong into api.names"),
    ],
)
def test_to_listen_beyond_this_machine_without_tls_is_refused_in_one_line(start, address, word):
    daemon = start("--listen", address)
    code, log = daemon.ended()
    assert (code, len(log.splitlines())) == (78, 1)
    assert word in log


def test_to_listen_beyond_this_machine_without_a_token_is_refused_in_one_line(start):
    daemon = start("--listen", "0.0.0.0:0", "--behind-proxy")
    code, log = daemon.ended()
    assert (code, len(log.splitlines())) == (78, 1)
    assert "retinue tokens create" in log


def test_a_port_in_use_ends_the_start_and_leaves_the_folder_free(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, log = start("--listen", address).ended()
    assert (code, f"cannot listen on {address}" in log) == (69, True)
    assert start("--listen", address).ready()["listen"] == address


def test_who_comes_back_after_the_daemon_was_killed_misses_nothing(start, tmp_path):
    daemon = start("--listen", "127.0.0.1:0")
    address = daemon.ready()["listen"]
    daemon.spawn("patient", tmp_path)
    sent = _sent(daemon, "0")
    seen = [_seq(block) for block in islice(_blocks(sent), 4)]
    daemon.running("patient")
    daemon.kill()
    assert seen == [1, 2, 3, 4]

    again = start("--listen", address)
    again.ready()
    task = again.client.post("/v1/tasks", TaskView, {"agent": "echo", "input": {"text": "a"}})
    ended = False
    for block in _blocks(_sent(again, str(seen[-1]))):
        seen.append(_seq(block))
        ended = ended or (f'"{task.run}"' in block and "event: run.succeeded" in block)
        if ended:
            break
    assert seen == list(range(1, len(seen) + 1))
    again.cancel_all()


def test_the_cursor_of_a_submitted_task_works_over_http_and_on_the_command_line(start):
    daemon = start("--listen", "127.0.0.1:0")
    address = daemon.ready()["listen"]
    body = {"agent": "echo", "input": {"text": "a"}}
    task = daemon.client.post("/v1/tasks", dict, body, {"wait": 30})
    cursor = task["cursor"]
    blocks = _blocks(_sent(daemon, str(cursor), f"run={task['run']}"))
    streamed = [_seq(block) for block in islice(blocks, 7)]
    given = ("tail", "--from", str(cursor + 1), "--run", task["run"], "--no-follow", "--json")
    printed = [json.loads(line)["seq"] for line in daemon.retinue(*given).stdout.splitlines()]
    assert streamed == printed[:7]
    url = f"ws://{address}/ws/runs/{task['run']}?from={cursor + 1}"
    with connect(url) as client:
        assert json.loads(client.recv(10))["state"]["status"] == "succeeded"


def _sent(daemon, last, query="") -> http.client.HTTPResponse:
    address = daemon.client.get("/v1/status", StatusView).listen
    token = TokenFile(daemon.folder).create(f"at-{last}", "viewer")
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": last}
    headers["Authorization"] = f"Bearer {token}"
    connection.request("GET", f"/v1/events?{query}", headers=headers)
    return connection.getresponse()


def _blocks(sent):
    """Events as they were sent; ends where the connection does."""
    lines: list[str] = []
    try:
        while line := sent.readline():
            lines.append(line.decode())
            if line == b"\n":
                if any(found.startswith("data:") for found in lines):
                    yield "".join(lines)
                lines = []
    except (ConnectionResetError, http.client.HTTPException):
        return


def _seq(block: str) -> int:
    return int(block.split("\n", maxsplit=1)[0].removeprefix("id: "))
