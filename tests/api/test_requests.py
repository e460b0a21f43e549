"""What the API makes of requests that are sent twice, are known already, or are wrong."""

from __future__ import annotations

import http.client
import json
import socket
import threading

import pytest

from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.views import RunView, TaskView
from retinue.kernel.api import reading, responses
from retinue.kernel.client import under
from retinue.kernel.listening import listen_tcp
from retinue.kernel.unix_socket import connect

from .conftest import serving


def test_a_post_that_is_sent_again_with_its_key_does_nothing_twice(served):
    body = {"content": {"a": 1}}
    first = _asked(served, "POST", "/v1/elements", body, Idempotency_Key="k-1")
    again = _asked(served, "POST", "/v1/elements", body, Idempotency_Key="k-1")
    assert (first[0], again[0]) == (201, 201)
    assert again[1] == first[1]
    assert again[2]["idempotency-replayed"] == "true"
    assert len(served.kernel.elements.list()) == 1
    other = _asked(served, "POST", "/v1/elements", body, Idempotency_Key="k-2")
    assert other[1]["id"] != first[1]["id"]


def test_a_key_with_another_body_is_refused(served):
    _asked(served, "POST", "/v1/elements", {"content": 1}, Idempotency_Key="k")
    status, problem, _ = _asked(served, "POST", "/v1/elements", {"content": 2}, Idempotency_Key="k")
    assert (status, "another body" in problem["detail"]) == (422, True)
    assert len(served.kernel.elements.list()) == 1


def test_posts_with_one_key_at_once_are_one(served):
    answers = []

    def post():
        answers.append(_asked(served, "POST", "/v1/elements", {"content": 1}, Idempotency_Key="k"))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({answer[1]["id"] for answer in answers}) == 1
    assert len(served.kernel.elements.list()) == 1


def test_what_failed_is_tried_again_with_the_same_key(served):
    body = {"agent": "late", "input": {"text": "hi"}}
    assert _asked(served, "POST", "/v1/tasks", body, Idempotency_Key="k")[0] == 404
    served.kernel.spawn("late", "shout" and (lambda ctx, text: text))
    assert _asked(served, "POST", "/v1/tasks", body, Idempotency_Key="k")[0] == 202


def test_a_tasks_key_holds_over_a_restart(tmp_path):
    body = {"agent": "shout", "input": {"text": "hi"}}
    ids = set()
    for _ in range(2):
        with serving(tmp_path, state_dir=tmp_path / "state") as served:
            ids.add(_asked(served, "POST", "/v1/tasks?wait=30", body, Idempotency_Key="k")[1]["id"])
            for name in ("shout", "broken", "patient", "talker"):
                served.kernel.stop_agent(name)
        (tmp_path / "s").unlink()
    assert len(ids) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "\xe9"])
def test_a_key_that_is_none_is_refused(standing, key):
    assert _asked(standing, "POST", "/v1/elements", {"content": 1}, Idempotency_Key=key)[0] == 400


def test_a_poller_gets_nothing_again_that_it_has(standing):
    standing.talk()
    for path in ("/v1/runs", "/v1/tasks", "/v1/plugins", "/openapi.json"):
        status, _, headers = _asked(standing, "GET", path)
        tag = headers["etag"]
        assert status == 200
        assert _asked(standing, "GET", path, If_None_Match=tag)[:2] == (304, None)
        assert _asked(standing, "GET", path, If_None_Match=f'"x", W/{tag}')[0] == 304
        assert _asked(standing, "GET", path, If_None_Match='"x"')[0] == 200
    before = _asked(standing, "GET", "/v1/runs")[2]["etag"]
    standing.talk()
    assert _asked(standing, "GET", "/v1/runs", If_None_Match=before)[0] == 200


def test_lists_come_in_pages_that_follow_each_other(served):
    runs = [served.talk() for _ in range(7)]
    path, seen = "/v1/runs?limit=3", []
    while path:
        _, page, headers = _asked(served, "GET", path)
        seen += [run["id"] for run in page]
        path = headers.get("link", "").partition(">")[0].removeprefix("<")
    assert seen == runs[::-1]
    newest = served.client.get("/v1/tasks", list[TaskView], {"limit": 2})
    rest = served.client.get("/v1/tasks", list[TaskView], {"before": newest[-1].id})
    assert len(rest) == 5
    with pytest.raises(NotFound):
        served.client.get("/v1/runs", list[RunView], {"before": "r-none"})


def test_runs_are_chosen_by_agent_and_state(served):
    run = served.talk()
    served.client.post("/v1/tasks", TaskView, {"agent": "broken"}, {"wait": 30})
    found = served.client.get("/v1/runs", list[RunView], {"agent": "talker"})
    assert [one.id for one in found] == [run]
    failed = served.client.get("/v1/runs", list[RunView], {"state": "failed"})
    assert [one.agent for one in failed] == ["broken"]


def test_a_run_is_recorded_with_the_times_of_its_events(served):
    run = served.talk(thoughts=5)
    path = under("runs", run, "recording")
    whole = served.client.get(path, dict)
    seqs = [moment["seq"] for moment in whole["moments"]]
    assert seqs == sorted(seqs)
    assert whole["moments"][0]["event"]["type"] == "run.started"
    assert whole["moments"][-1]["event"]["type"] == "run.succeeded"
    times = [moment["at"] for moment in whole["moments"]]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= whole["ended"] - whole["began"] + 1
    pages, after = [], 0
    while after is not None:
        page = served.client.get(path, dict, {"limit": 4, "after": after})
        pages += page["moments"]
        after = page["next"]
    assert pages == whole["moments"]


def test_a_run_is_tried_again_by_its_own_id(served):
    run = served.talk()
    again = served.client.post(under("runs", run, "retry"), TaskView, None, {"wait": 30})
    assert (again.state, again.run != run) == ("succeeded", True)


def test_the_journal_is_asked_a_page_at_a_time(served):
    run = served.talk()
    query = {"run": run, "type": ["run.*", "task.s*"], "limit": 2}
    first = served.client.get("/v1/journal/events", dict, query)
    assert [event["type"] for event in first["events"]] == ["run.started", "task.submitted"]
    rest = served.client.get(
        "/v1/journal/events", dict, {**query, "after": first["next"], "limit": 99}
    )
    assert rest["next"] is None
    assert rest["events"][-1]["type"] == "run.succeeded"


@pytest.mark.parametrize(
    ("method", "path", "body", "fields"),
    [
        (
            "POST",
            "/v1/tasks",
            {"agent": "talker"} | {"input": {"thoughts": "x"}},
            ["/input/thoughts"],
        ),
        ("POST", "/v1/tasks", {"agent": "shout"}, ["/input/text"]),
        ("POST", "/v1/tools/clock.sleep/invoke", {"args": {"seconds": "x"}}, ["/args/seconds"]),
        ("POST", "/v1/tools/clock.sleep/invoke", {"args": {}}, ["/args/seconds"]),
        (
            "POST",
            "/v1/tasks",
            {"agent": "shout", "input": {"text": "a", "b/c": 1}},
            ["/input/b~1c"],
        ),
        ("POST", "/v1/tasks", {"agent": 1}, ["/agent"]),
        ("POST", "/v1/tasks", {"agent": "echo", "priority": 10}, ["/priority"]),
        ("POST", "/v1/tasks", {"agent": "echo", "inptu": 1}, ["/inptu"]),
        ("POST", "/v1/tasks", {}, ["/agent"]),
        ("POST", "/v1/agents", {"name": "a", "agent": "m:a", "tools": ["x", 1]}, ["/tools/1"]),
        ("GET", "/v1/tasks?limit=x", None, ["?limit"]),
        ("GET", "/v1/tasks?lmit=1", None, ["?lmit"]),
        ("POST", "/v1/tasks", [], ["/"]),
    ],
)
def test_a_problem_has_the_path_of_the_field_that_is_wrong(standing, method, path, body, fields):
    status, problem, headers = _asked(standing, method, path, body)
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert [field["path"] for field in problem["errors"]] == fields
    assert all(field["detail"] for field in problem["errors"])


def test_a_body_that_is_too_large_is_refused_before_it_is_read(standing):
    limit = standing.kernel.config.limits.input_bytes
    status, problem, _ = _asked(standing, "POST", "/v1/tasks", b"x" * (limit + 100_000))
    assert (status, problem["title"]) == (413, "InvalidInput")


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(served, monkeypatch):
    monkeypatch.setattr(reading, "_PATIENCE", 0.05)
    with connect(served.path, 30) as raw:
        raw.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert raw.recv(1000).startswith(b"HTTP/1.1 408")
    assert served.client.get("/healthz", dict)["ok"]


def test_who_does_not_read_its_answer_is_cut_off(served, monkeypatch, wait_until):
    monkeypatch.setattr(responses, "_PATIENCE", 0.2)
    for _ in range(8):
        served.kernel.elements.create("x" * 900_000)
    with connect(served.path, 30) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(b"GET /v1/elements HTTP/1.1\r\nHost: x\r\n\r\n")
        route = ("GET", "/v1/elements", 200)
        wait_until(lambda: served.server.shared.requests.answered.get(route))
        wait_until(lambda: served.server.connections == 0)
        got = 0
        while data := _received(raw):
            got += len(data)
    assert got < 8 * 900_000


def test_a_client_that_goes_leaves_its_task_running_and_comes_back(served, wait_until):
    with connect(served.path, 30) as raw:
        body = b'{"agent": "patient"}'
        head = f"POST /v1/tasks?wait=60 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        raw.sendall(head.encode() + body)
        wait_until(lambda: served.kernel.tasks(agent="patient", state="running"))
    task = served.kernel.tasks(agent="patient")[0]
    assert served.kernel.cancel(task.id)
    ended = served.client.get(under("tasks", task.id, "wait"), TaskView, {"wait": 30})
    assert ended.state == "cancelled"


def test_to_unload_what_was_never_loaded_is_refused_and_hurts_nobody(served):
    for _ in range(20):
        with pytest.raises(NotFound):
            served.client.delete(under("plugins", "clock"), dict)
    assert served.client.post(under("tools", "clock.now", "invoke"), dict)["tool"] == "clock.now"


def test_a_kernel_that_cannot_write_is_not_ready(served):
    assert served.client.get("/readyz", dict) == {"ok": True, "name": "main"}
    served.kernel.close(drain=0)
    assert _asked(served, "GET", "/readyz")[0] == 503
    assert _asked(served, "GET", "/healthz")[0] == 200


def test_figures_are_told_as_prometheus_reads_them(served):
    served.talk()
    served.client.get("/v1/status", dict)
    from prometheus_client import REGISTRY
    from prometheus_client.parser import text_string_to_metric_families

    connection = http.client.HTTPConnection("localhost")
    connection.sock = connect(served.path, 10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    told = {f.name: f for f in text_string_to_metric_families(answer.read().decode())}
    connection.close()
    tasks = {s.labels["state"]: s.value for s in told["retinue_tasks"].samples}
    assert tasks["succeeded"] == 1
    asked = told["retinue_http_requests"].samples
    assert [s.value for s in asked if s.labels["route"] == "/v1/status"] == [1]
    assert not [name for name in REGISTRY._names_to_collectors if name.startswith("retinue")]


def test_a_connection_over_tcp_waits_for_no_acknowledgement():
    with listen_tcp("127.0.0.1:0") as made:
        assert made.proto == socket.IPPROTO_TCP


def test_the_scheduler_is_shown_and_changed(served):
    shown = served.client.get("/v1/scheduler", dict)
    assert (shown["policy"], shown["paused"]) == ("priority", False)
    served.client.post("/v1/scheduler", dict, {"max_running": 3})
    assert served.client.get("/v1/scheduler", dict)["max_running"] == 3
    with pytest.raises(InvalidInput, match="max_running"):
        served.client.post("/v1/scheduler", dict, {"max_running": 0})


def _received(raw):
    try:
        return raw.recv(65536)
    except OSError:
        return b""


def _asked(served, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = connect(served.path, 30)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, data, headers=named)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    told = {name.lower(): value for name, value in answer.headers.items()}
    return answer.status, json.loads(said) if said else None, told
