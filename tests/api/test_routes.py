"""What the API answers, over its real socket."""

from __future__ import annotations

import http.client
import json
import os
import threading
from typing import Any

import pytest

from retinue.bus.errors import InvalidInput, NotFound, UnknownAgent, UnknownTool
from retinue.bus.views import AgentView, PluginView, RunView, StatusView, TaskView
from retinue.kernel.client import Client, under
from retinue.kernel.client.places import _UnixConnection


def test_a_submitted_task_is_accepted_and_can_be_waited_for(served):
    view = served.client.post("/v1/tasks", TaskView, {"agent": "shout", "input": {"text": "hi"}})
    ended = served.client.get(under("tasks", view.id, "wait"), TaskView, {"wait": 30})
    assert (ended.state, ended.result) == ("succeeded", "HI")


def test_the_status_says_whether_the_task_has_ended(served):
    done = _ask(served, "POST", "/v1/tasks?wait=30", {"agent": "shout", "input": {"text": "a"}})
    assert (done[0], done[1]["state"]) == (200, "succeeded")
    failed = _ask(served, "POST", "/v1/tasks?wait=30", {"agent": "broken"})
    assert (failed[0], failed[1]["state"]) == (200, "failed")
    assert "it is broken" in failed[1]["error"]
    waiting = _ask(served, "POST", "/v1/tasks?wait=0.01", {"agent": "patient"})
    assert waiting[0] == 202
    assert waiting[1]["state"] not in ("succeeded", "failed", "cancelled")


def test_the_same_key_gives_the_same_task(served):
    body = {"agent": "shout", "input": {"text": "a"}, "key": "k"}
    first, second = (served.client.post("/v1/tasks", TaskView, body) for _ in range(2))
    assert first.id == second.id


def test_tasks_and_runs_are_listed_newest_first_and_chosen_by_what_is_asked(served):
    made = [
        served.client.post("/v1/tasks", TaskView, {"agent": a, "input": i}, {"wait": 30})
        for a, i in (("shout", {"text": "a"}), ("broken", {}))
    ]
    listed = served.client.get("/v1/tasks", list[TaskView])
    assert [t.id for t in listed] == [made[1].id, made[0].id]
    failed = served.client.get("/v1/tasks", list[TaskView], {"state": "failed"})
    assert [t.id for t in failed] == [made[1].id]
    one = served.client.get("/v1/tasks", list[TaskView], {"agent": "shout", "limit": 1})
    assert [t.id for t in one] == [made[0].id]
    assert [r.id for r in served.client.get("/v1/runs", list[RunView])] == [
        t.run for t in made[::-1]
    ]
    assert served.client.get(under("runs", made[0].run), RunView).state == "succeeded"


def test_a_cancelled_task_ends_and_a_second_cancel_says_that_it_had(served):
    view = served.client.post("/v1/tasks", TaskView, {"agent": "patient"})
    path = under("tasks", view.id, "cancel")
    assert served.client.post(path, dict, {"reason": "enough"}) == {
        "id": view.id,
        "cancelled": True,
    }
    ended = served.client.get(under("tasks", view.id, "wait"), TaskView, {"wait": 30})
    assert ended.state == "cancelled"
    assert served.client.post(path, dict)["cancelled"] is False


def test_a_failed_task_can_be_tried_again_as_a_new_one(served):
    failed = served.client.post("/v1/tasks", TaskView, {"agent": "broken"}, {"wait": 30})
    again = served.client.post(under("tasks", failed.id, "retry"), TaskView, None, {"wait": 30})
    assert again.id != failed.id
    assert again.state == "failed"


def test_an_agent_is_spawned_from_a_file_and_stopped_by_name(served, tmp_path):
    (tmp_path / "more.py").write_text("def double(ctx, n: int) -> int:\n    return 2 * n\n")
    body = {"name": "double", "agent": f"{tmp_path}/more.py:double"}
    status, made = _ask(served, "POST", "/v1/agents", body)
    assert status == 201, made
    assert made["name"] == "double"
    task = {"agent": "double", "input": {"n": 21}}
    assert served.client.post("/v1/tasks", TaskView, task, {"wait": 30}).result == 42
    assert "double" in {a.name for a in served.client.get("/v1/agents", list[AgentView])}
    served.client.delete(under("agents", "double"), dict, {"reason": "done"})
    with pytest.raises(UnknownAgent):
        served.client.get(under("agents", "double"), AgentView)


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("raise SystemExit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = (", "line 1"),
        ("import no_such_module", "no_such_module"),
        ("made = 3", "made"),
    ],
)
def test_a_file_that_breaks_while_it_is_imported_is_refused_and_hurts_nobody(
    served, tmp_path, source, word
):
    path = tmp_path / "broken.py"
    path.write_text(source)
    body = {"name": "made", "agent": f"{path}:made"}
    status, problem = _ask(served, "POST", "/v1/agents", body)
    assert (status, problem["title"]) == (400, "InvalidInput")
    assert word in problem["detail"]
    assert served.client.get("/v1/status", StatusView).state == "running"


def test_an_agent_from_a_file_runs_in_a_process_of_its_own_too(served, tmp_path):
    (tmp_path / "far.py").write_text(
        "import os\nasync def far(ctx) -> int:\n    return os.getpid()\n"
    )
    body = {"name": "far", "agent": f"{tmp_path}/far.py:far", "isolation": "process"}
    served.client.post("/v1/agents", AgentView, body)
    ended = served.client.post("/v1/tasks", TaskView, {"agent": "far"}, {"wait": 30})
    assert ended.state == "succeeded", ended
    assert ended.result != os.getpid()


def test_an_agent_gets_the_permissions_that_its_spawn_names(served, tmp_path):
    (tmp_path / "far.py").write_text("def far(ctx) -> None:\n    return None\n")
    (tmp_path / "data").mkdir()
    allowed = {"read": [f"{tmp_path}/data"], "net": [{"host": "a.example.org"}]}
    far = {"agent": f"{tmp_path}/far.py:far", "isolation": "process", "permissions": allowed}
    view = served.client.post("/v1/agents", AgentView, {"name": "far", **far})
    fetch = "fetch from a.example.org:443 with GET"
    assert view.permissions == (fetch, f"read {tmp_path}/data")
    status, problem = _ask(
        served, "POST", "/v1/agents", {"name": "b", **far, "permissions": {"reads": []}}
    )
    assert (status, problem["errors"][0]["path"]) == (400, "/permissions/reads")


def test_plugins_are_shown_and_their_tools_called(served):
    names = {p.name for p in served.client.get("/v1/plugins", list[PluginView])}
    assert {"clock", "echo", "files"} <= names
    assert "clock.now" in served.client.get(under("plugins", "clock"), PluginView).tools
    answer = served.client.post(under("tools", "clock.now", "invoke"), dict)
    assert answer["tool"] == "clock.now"
    with pytest.raises(UnknownTool):
        served.client.post(under("tools", "no.such", "invoke"), dict)


def test_elements_and_progressions_are_kept(served):
    one, two = (served.client.post("/v1/elements", dict, {"content": n}) for n in (1, {"a": None}))
    made = served.client.post("/v1/progressions", dict, {"name": "list"})
    ids = [two["id"], one["id"]]
    served.client.post(under("progressions", made["id"], "append"), dict, {"elements": ids})
    shown = served.client.get(under("progressions", made["id"]), dict)
    assert shown == {"id": made["id"], "name": "list", "elements": ids}
    assert [e["id"] for e in served.client.get("/v1/elements", list[dict[str, Any]])] == ids
    with pytest.raises(NotFound):
        served.client.get(under("elements", "nowhere"), dict)


def test_the_scheduler_is_reconfigured_while_it_runs(served):
    view = served.client.post("/v1/scheduler", StatusView, {"policy": "fifo", "paused": True})
    assert (view.policy, view.paused) == ("fifo", True)
    view = served.client.post("/v1/scheduler", StatusView, {"paused": False})
    assert (view.policy, view.paused) == ("fifo", False)


def test_a_stop_is_passed_on_with_its_reason(served):
    assert _ask(served, "POST", "/v1/stop", {"reason": "enough"}) == (202, {"stopping": True})
    assert served.stops == ["enough"]


REFUSED = [
    ("POST", "/v1/tasks", {"agent": "nobody"}, 404, "UnknownAgent", "nobody"),
    ("POST", "/v1/tasks", {"agent": "shout", "input": {}}, 400, "InvalidInput", "text"),
    ("POST", "/v1/tasks", {"agent": "shout", "input": {"text": 1}}, 400, "InvalidInput", "text"),
    ("POST", "/v1/tasks", {"agent": "echo", "priority": 10}, 400, "InvalidInput", "9"),
    ("POST", "/v1/tasks", {"agent": "echo", "priority": "5"}, 400, "InvalidInput", "priority"),
    ("POST", "/v1/tasks", {"agent": "echo", "deadline": -1}, 400, "InvalidInput", "deadline"),
    ("POST", "/v1/tasks", {"agent": "echo", "inptu": {}}, 400, "InvalidInput", "inptu"),
    ("POST", "/v1/tasks", {"agent": "echo", "input": [1]}, 400, "InvalidInput", "input"),
    ("POST", "/v1/tasks", {}, 400, "InvalidInput", "agent"),
    ("POST", "/v1/tasks?wiat=3", {"agent": "echo"}, 400, "InvalidInput", "wiat"),
    ("POST", "/v1/tasks?wait=-1", {"agent": "echo"}, 400, "InvalidInput", "wait"),
    ("GET", "/v1/tasks?state=happy", None, 400, "InvalidInput", "happy"),
    ("GET", "/v1/tasks?limit=0", None, 400, "InvalidInput", "limit"),
    ("GET", "/v1/tasks/t-none", None, 404, "NotFound", "t-none"),
    ("POST", "/v1/tasks/t-none/cancel", {}, 404, "NotFound", "t-none"),
    ("GET", "/v1/runs/r-none", None, 404, "NotFound", "r-none"),
    ("POST", "/v1/agents", {"name": "a", "agent": "nowhere"}, 400, "InvalidInput", "nowhere"),
    ("POST", "/v1/agents", {"name": "a", "agent": "no.such:a"}, 400, "InvalidInput", "no.such"),
    ("POST", "/v1/agents", {"name": "shout", "agent": "os:getcwd"}, 400, "InvalidInput", "shout"),
    ("DELETE", "/v1/agents/nobody", None, 404, "UnknownAgent", "nobody"),
    ("GET", "/v1/plugins/nothing", None, 404, "NotFound", "nothing"),
    ("POST", "/v1/scheduler", {"policy": "lifo"}, 400, "InvalidInput", "lifo"),
    ("GET", "/v1/events?from=yesterday", None, 400, "InvalidInput", "yesterday"),
    ("GET", "/v1/events?form=now", None, 400, "InvalidInput", "form"),
    ("GET", "/nothing", None, 404, "NotFound", "/nothing"),
    ("DELETE", "/v1/tasks", None, 405, "InvalidInput", "DELETE"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "title", "word"), REFUSED)
def test_a_bad_request_gets_a_problem_that_names_what_is_wrong(
    standing, method, path, body, status, title, word
):
    answered, problem = _ask(standing, method, path, body)
    assert (answered, problem["status"], problem["title"]) == (status, status, title)
    assert word in problem["detail"]
    assert problem["type"].startswith("urn:retinue:problem:")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"agent": "echo"} {}'])
def test_a_body_that_is_not_a_json_object_is_a_problem(standing, body):
    answered, problem = _ask(standing, "POST", "/v1/tasks", body)
    assert (answered, problem["title"]) == (400, "InvalidInput")


def test_an_input_over_the_limit_is_refused_and_nothing_is_submitted(served):
    limit = served.kernel.config.limits.input_bytes
    for size in (limit, 3 * limit):
        with pytest.raises(InvalidInput, match="limit"):
            served.client.post("/v1/tasks", TaskView, {"agent": "echo", "input": {"a": "x" * size}})
    assert served.kernel.tasks() == []


def test_clients_that_wait_do_not_keep_others_from_being_answered(served, wait_until):
    waiting = [
        threading.Thread(target=_submit_and_wait, args=(served.path,), daemon=True)
        for _ in range(32)
    ]
    for thread in waiting:
        thread.start()
    wait_until(lambda: len(served.kernel.tasks(agent="patient")) == len(waiting))
    assert served.client.get("/v1/status", StatusView).name == "main"
    for task in served.kernel.tasks(agent="patient"):
        served.kernel.cancel(task.id, "the test is over")
    for thread in waiting:
        thread.join(30)
        assert not thread.is_alive()


def _submit_and_wait(path: Any) -> None:
    Client(path).post("/v1/tasks", TaskView, {"agent": "patient"}, {"wait": 60}, wait=60)


def _ask(served: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = _UnixConnection(served.path, 30)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body)
    connection.request(method, path, data)
    response: http.client.HTTPResponse = connection.getresponse()
    try:
        return response.status, json.loads(response.read())
    finally:
        connection.close()
