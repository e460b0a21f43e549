"""WebSockets in the dialects that existing consumers read, and clients that mean no good."""

from __future__ import annotations

import itertools
import json
import socket
import struct

import pytest
from msgspec import Raw
from websockets.exceptions import ConnectionClosed, InvalidStatus

from retinue.bus.journal import Filter
from retinue.bus.messages import TelemetryToolCalled
from retinue.bus.redis.dialects import AgentEvents, OrchestratorEvents
from retinue.kernel.unix_socket import connect


def test_each_entry_of_agent_events_is_forwarded_as_it_is(served):
    with served.socket("/events") as client:
        run = served.talk()
        entries = _projected(served, AgentEvents(), run)
        assert [client.recv(10) for _ in entries] == entries
    assert {json.loads(e)["type"] for e in entries} >= {"step_started", "tool_invoked"}


def test_each_message_of_orchestrator_events_is_forwarded_as_it_is(served):
    with served.socket("/ws/orchestrator?from=start") as client:
        run = served.talk()
        messages = _projected(served, OrchestratorEvents(), run)
        assert [client.recv(10) for _ in messages] == messages
    assert {json.loads(m)["type"] for m in messages} == {"reasoning", "tool_use"}


def test_a_console_gets_the_log_and_the_state_of_one_run(served):
    run = served.talk(thoughts=1)
    served.talk()
    with served.socket(f"/ws/runs/{run}?from=start") as client:
        frames = [json.loads(client.recv(10)) for _ in range(4)]
    (state,) = [frame for frame in frames if frame["type"] == "state_update"]
    logs = [frame for frame in frames if frame["type"] == "log_event"]
    assert set(state) == {"type", "state", "topology"}
    assert (state["state"]["run_id"], state["state"]["status"]) == (run, "succeeded")
    assert state["state"]["completed_agents"] == ["talker"]
    assert [node["agent"] for node in state["topology"]["nodes"]] == ["talker"]
    assert [log["payload"]["category"] for log in logs] == ["THOUGHT", "TOOL_CALL", "TOOL_RESULT"]
    assert set(logs[1]) == {"type", "agent_id", "payload", "timestamp"}
    call = logs[1]["payload"]
    assert (call["tool_name"], call["args"], call["metadata"]) == (
        "echo.say",
        {"text": "hi"},
        "IO_REQ",
    )


def test_the_state_follows_the_run_while_it_changes(served):
    handle = served.kernel.submit("patient")
    with served.socket(f"/ws/runs/{handle.run}") as client:
        seen = []
        while "running" not in seen:
            seen.append(_state(client)["status"])
        handle.cancel()
        while seen[-1] != "cancelled":
            seen.append(_state(client)["status"])
    assert [status for status, _ in itertools.groupby(seen)][-2:] == ["running", "cancelled"]


def test_a_console_hears_programs_outside_too(served):
    said = TelemetryToolCalled(
        "TOOL_CALL", "grep(x)", "IO_REQ", "2001-01-01", "grep", Raw(b'{"a":1}')
    )
    scribe = served.kernel._tree.scribe
    with served.socket("/ws/runs/r-elsewhere") as client:
        scribe.append([scribe.write(said, "r-elsewhere", "", "outsider")])
        frame = json.loads(client.recv(10))
        while frame["type"] != "log_event":
            frame = json.loads(client.recv(10))
    assert (frame["agent_id"], frame["timestamp"]) == ("outsider", "2001-01-01")
    assert frame["payload"]["args"] == {"a": 1}


def test_a_client_chooses_types_of_the_dialect_or_of_the_kernel(served):
    with served.socket("/events?type=tool_*&type=task.running") as client:
        served.talk()
        types = [json.loads(client.recv(10))["type"] for _ in range(4)]
    assert types == ["node_status_change", "step_started", "tool_invoked", "tool_returned"]


def test_a_client_subscribes_anew_in_the_middle_and_is_told_its_cursor(served):
    with served.socket("/ws/orchestrator") as client:
        served.talk(thoughts=1)
        assert json.loads(client.recv(10))["type"] == "reasoning"
        client.send('{"subscribe": {"type": ["tool_use"], "seq": true}}')
        frame = json.loads(client.recv(10))
        while frame["type"] != "subscribed":
            frame = json.loads(client.recv(10))
        run = served.talk(thoughts=2)
        (called,) = served.events(run=run, type="tool.called")
        frame = json.loads(client.recv(10))
        while frame.get("seq") != called.seq:
            frame = json.loads(client.recv(10))
        assert frame["type"] == "tool_use"


def test_a_cursor_replays_what_was_missed_while_away(served):
    with served.socket("/ws/orchestrator?seq=true") as client:
        served.talk(thoughts=2)
        cursor = json.loads(client.recv(10))["seq"]
    run = served.talk(thoughts=2)
    last = served.events(run=run, type="tool.called")[0].seq
    wanted = ("agent.thought", "agent.text", "tool.called")
    missed = [e.seq for e in served.events(type=wanted) if e.seq > cursor]
    with served.socket(f"/ws/orchestrator?seq=true&from={cursor + 1}") as client:
        got = [json.loads(client.recv(10))["seq"] for _ in missed]
    assert got == missed
    assert got[-1] == last


def test_one_run_is_chosen_by_its_name(served):
    served.talk()
    run = served.talk(text="this one")
    with served.socket(f"/ws/orchestrator?from=start&run={run}") as client:
        assert json.loads(client.recv(10))["content"] == "0 this one"


def test_a_message_that_fits_no_frame_is_a_gap_of_one(served):
    with served.socket("/ws/orchestrator?seq=true") as client:
        run = served.talk(thoughts=1, text="x" * 300_000)
        thought = served.events(run=run, type="agent.thought")[0].seq
        gap = json.loads(client.recv(10))
    assert (gap["type"], gap["first"], gap["last"], gap["reason"]) == (
        "gap",
        thought,
        thought,
        "large",
    )
    whole = served.client.get(gap["how_to_fill"].removeprefix("GET "), dict)
    assert len(whole["data"]["text"]) > 300_000


def test_a_client_that_stalls_gets_a_gap_and_holds_up_nobody(served, wait_until):
    with (
        _stalled(served, "/ws/orchestrator?seq=true") as stuck,
        served.socket("/ws/orchestrator?seq=true") as healthy,
    ):
        wait_until(lambda: sum(c.group is not None for c in served.hub.clients) == 2)
        run = served.talk(thoughts=3000, text="x" * 300)
        last = served.events(run=run, type="tool.called")[0].seq
        assert _until(healthy, last)
        wait_until(lambda: any(c.backlog.dropped for c in served.hub.clients))
        frames = _read_frames(stuck, last)
    thoughts = [e.seq for e in served.events(type=("agent.thought", "tool.called"))]
    covered = []
    for frame in frames:
        if frame["type"] == "gap":
            covered += [seq for seq in thoughts if frame["first"] <= seq <= frame["last"]]
            assert frame["how_to_fill"].startswith("GET /v1/events?from=")
        else:
            covered.append(frame["seq"])
    assert any(frame["type"] == "gap" for frame in frames)
    assert covered == thoughts


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\x00" * 10, 1003),
        ("x" * 20_000, 1009),
        (None, 1007),
    ],
)
def test_a_message_that_breaks_the_protocol_ends_that_client_alone(served, said, code):
    with served.socket("/events") as other:
        with served.socket("/events") as client:
            if said is None:
                client.socket.sendall(_masked(b"\x81", b"\xff\xfe"))
            else:
                client.send(said)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(10)
        assert closed.value.rcvd.code == code
        served.talk()
        assert other.recv(10)


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        '{"subscribe": 7}',
        '{"subscribe": {"form": "now"}}',
        '{"subscribe": {"from": "yesterday"}}',
        '{"subscribe": {"rate": -1}}',
        "[" * 10_000,
    ],
)
def test_a_message_that_is_no_subscription_is_answered_with_a_problem(standing, said):
    with standing.socket("/events") as client:
        client.send(said)
        answer = json.loads(client.recv(10))
        assert (answer["type"], answer["problem"]["status"]) == ("problem", 400)
        client.send('{"subscribe": {}}')
        assert json.loads(client.recv(10))["type"] == "subscribed"


def test_a_message_about_something_else_is_passed_over(standing):
    with standing.socket("/events") as client:
        client.send('{"hello": 1}')
        client.send('{"subscribe": {}}')
        assert json.loads(client.recv(10))["type"] == "subscribed"


def test_a_client_that_talks_too_much_is_sent_away(served):
    with served.socket("/events") as client:
        with pytest.raises(ConnectionClosed) as closed:
            _flood(client)
        assert (closed.value.rcvd.code, "too many" in closed.value.rcvd.reason) == (1008, True)


@pytest.mark.parametrize("query", ["from=x", "form=now", "rate=0", "from=-1"])
def test_a_wrong_question_is_refused_before_the_handshake(standing, query):
    with pytest.raises(InvalidStatus) as refused, standing.socket(f"/events?{query}"):
        pass
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["title"] == "InvalidInput"


def test_one_client_too_many_is_refused(served):
    served.hub.places.limit = 1
    with served.socket("/events"):
        with pytest.raises(InvalidStatus) as refused, served.socket("/events"):
            pass
        assert refused.value.response.status_code == 503


def test_a_stop_is_said_to_every_client(served):
    with served.socket("/events") as client:
        assert served.server.close(timeout=10)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(10)
    assert closed.value.rcvd.code in (1001, 1012)


def test_a_client_that_is_gone_leaves_nothing_behind(served, wait_until):
    gone = _stalled(served, "/ws/runs/r-none")
    wait_until(lambda: served.hub.clients)
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.close()
    wait_until(lambda: not served.hub.clients)
    assert not served.hub._groups
    assert not served.hub._boards._shows


def _flood(client) -> None:
    for _ in range(40):
        client.send("{}")
    client.recv(10)


def _projected(served, dialect, run) -> list[str]:
    events = served.kernel._tree.store.read(0, Filter(run=run))
    return [m.payload.decode() for event in events for m in dialect.project(event)]


def _state(client) -> dict:
    frame = json.loads(client.recv(10))
    while frame["type"] != "state_update":
        frame = json.loads(client.recv(10))
    return frame["state"]


def _until(client, last: int) -> bool:
    while json.loads(client.recv(20)).get("seq", 0) < last:
        pass
    return True


def _stalled(served, path) -> socket.socket:
    """A WebSocket that is open, and read by nobody."""
    made = connect(served.path, 30)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = [
        f"GET {path} HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "",
        "",
    ]
    made.sendall("\r\n".join(head).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += made.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return made


def _read_frames(stuck, last: int) -> list[dict]:
    """The text messages that wait in a raw connection, up to the one with that ``seq``."""
    reader = stuck.makefile("rb")
    frames = []
    while True:
        opcode, size = reader.read(2)
        if size == 126:
            (size,) = struct.unpack(">H", reader.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", reader.read(8))
        data = reader.read(size)
        if opcode == 0x81:
            frames.append(json.loads(data))
            if frames[-1].get("seq", 0) >= last:
                return frames


def _masked(opcode: bytes, data: bytes) -> bytes:
    return opcode + bytes([0x80 | len(data)]) + b"\0\0\0\0" + data
