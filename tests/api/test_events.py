"""The stream of events, and clients that do not read it."""

from __future__ import annotations

import pytest

from retinue.bus.errors import InvalidInput, MailboxFull
from retinue.bus.views import StatusView, TaskView
from retinue.kernel.api.live import past
from retinue.kernel.client import Client
from retinue.kernel.unix_socket import connect


def test_what_was_written_is_read_from_a_cursor_and_the_stream_ends(served):
    task = _submitted(served)
    events = list(served.client.events({"from": "start", "follow": False}))
    assert [e.seq for e in events] == list(range(1, events[-1].seq + 1))
    again = list(served.client.events({"from": events[3].seq, "follow": False, "run": task.run}))
    assert {e.run for e in again} == {task.run}
    assert [e.type for e in again][-1] == "run.succeeded"


def test_types_are_chosen_by_globs_of_which_there_may_be_several(served):
    _submitted(served)
    query = {"from": "start", "follow": False, "type": ("agent.th*", "run.*")}
    assert [e.type for e in served.client.events(query)] == [
        "run.started",
        "agent.thought",
        "run.succeeded",
    ]


def test_a_live_stream_gets_each_event_once_and_in_order(served):
    query = {"from": "start", "agent": "shout", "type": "task.succeeded"}
    seen = []
    for _ in range(20):
        served.kernel.submit("shout", {"text": "x"})
    for event in served.client.events(query):
        seen.append(event.seq)
        if len(seen) == 20:
            break
    assert seen == sorted(set(seen))


def test_a_client_that_stops_reading_neither_slows_nor_grows_the_kernel(served, wait_until):
    big = "x" * 50_000
    _shouted(served, big)
    with served.stuck("/v1/events?from=start"):
        wait_until(lambda: any(client._writing_since for client in served.hub.clients))
        _shouted(served, big)
        assert served.client.get("/v1/status", StatusView).tasks["succeeded"] == 200
        (client,) = served.hub.clients
        assert client.cursor < served.kernel.last_seq / 4
        assert client.backlog.bytes < 200_000


def test_a_client_that_hangs_up_frees_its_place(served, wait_until):
    with connect(served.path, 30) as gone:
        gone.sendall(b"GET /v1/events?from=start HTTP/1.1\r\nHost: x\r\n\r\n")
        assert gone.recv(100)
        wait_until(lambda: len(served.hub.clients) == 1)
    wait_until(lambda: not served.hub.clients)


def test_one_client_too_many_is_refused(served, monkeypatch):
    monkeypatch.setattr(served.hub.places, "limit", 0)
    with pytest.raises(MailboxFull, match="clients already follow"):
        next(served.client.events())


def test_a_stop_ends_open_streams_before_it_has_to_cancel_them(served, caplog):
    stream = served.client.events({"from": "start"})
    next(stream)
    assert served.server.close(timeout=10)
    assert "graceful shutdown exceeded" not in caplog.text
    list(stream)


def test_an_error_in_the_middle_of_a_stream_reaches_its_client(served, monkeypatch):
    def broken(*_):
        raise InvalidInput("the cursor broke")

    monkeypatch.setattr(past, "read_page", broken)
    with pytest.raises(InvalidInput, match="the cursor broke"):
        list(served.client.events({"from": "start", "follow": False}))


def _shouted(served, text: str) -> None:
    handles = [served.kernel.submit("shout", {"text": text}) for _ in range(100)]
    assert all(handle.result(timeout=30) == text.upper() for handle in handles)


def _submitted(served) -> TaskView:
    body = {"agent": "shout", "input": {"text": "a"}}
    return Client(served.path).post("/v1/tasks", TaskView, body, {"wait": 30})
