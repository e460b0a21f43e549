"""Asking the journal on the command line: beside a daemon, after its end, and after kill -9."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from sqlite3 import connect

import pytest

EVERY = [("log",), ("why", "1"), ("audit",), ("verify",), ("dead", "list"), ("tasks", "list")]
EVERY += [("journal", "show")]


def objects(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_each_answers_in_json_one_object_a_line(retinue, command):
    retinue("submit", "caller", "--wait")
    objects(retinue(*command, "--json"))


def test_the_log_shows_what_is_chosen_and_how_to_go_on(retinue):
    task = objects(retinue("submit", "caller", "--wait", "--json"))[-1]
    chosen = ("log", "--run", task["run"], "--type", "tool.*")
    assert [e["type"] for e in objects(retinue(*chosen, "--json"))] == [
        "tool.called",
        "tool.returned",
    ]
    first = retinue(*chosen, "--after", "0", "--limit", "1")
    assert "tool.called" in first.stdout
    cursor = first.stderr.rpartition("--after ")[2].strip()
    assert "tool.returned" in retinue(*chosen, "--after", cursor).stdout


def test_a_run_is_drawn_as_a_timeline(retinue):
    task = objects(retinue("submit", "caller", "--wait", "--json"))[-1]
    done = retinue("log", "--run", task["run"], "--timeline")
    head, bar = done.stdout.splitlines()
    assert head.startswith(task["run"])
    assert bar.startswith(f"caller {task['id']}")
    assert "✓" in bar


def test_why_follows_the_chain_to_what_it_ends_at(daemon, retinue):
    daemon.running("patient")
    task = daemon.submit("boss")
    daemon.see(task.run, "task.running")
    first, *_ = retinue("why", task.id).stdout.splitlines()
    assert first.startswith(f"{task.id} (")
    assert "agent 'middle'" in first
    kinds = [edge["kind"] for edge in objects(retinue("why", task.id, "--json"))[0]["edges"]]
    assert kinds[0] == "child"
    assert kinds[-1] == "code"


def test_the_audit_adds_up_and_tells_of_the_actors(retinue):
    done = retinue("audit", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "scheduler                messages" in done.stdout
    assert "≠" not in done.stdout
    assert done.stderr.startswith("all adds up: ")


def test_a_failed_task_is_listed_shown_sent_again_once_and_purged(retinue):
    failed = json.loads(retinue("submit", "quitter", "--wait", "--json").stdout.splitlines()[-1])
    assert failed["id"] in [one["id"] for one in objects(retinue("dead", "list", "--json"))]
    shown = retinue("dead", "show", failed["id"])
    assert "SystemExit" in shown.stdout
    assert "payload" in shown.stdout
    again = retinue("dead", "redrive", failed["id"], "--json")
    [answer] = objects(again)
    assert answer["to"].startswith("t-")
    refused = retinue("dead", "redrive", failed["id"])
    assert refused.returncode == 65
    assert f"redriven as {answer['to']}" in refused.stderr
    retinue("tasks", "show", answer["to"])
    purged = retinue("dead", "purge", "--all")
    assert purged.returncode == 0, purged.stderr


@pytest.mark.parametrize("verb", ["redrive", "purge", "show"])
def test_a_letter_that_is_none_is_refused(retinue, verb):
    done = retinue("dead", verb, "t-never")
    assert (done.returncode, done.stderr.count("\n")) == (66, 1)


def test_after_kill_9_the_journal_still_answers_and_says_that_the_kernel_is_gone(start, tmp_path):
    daemon = start()
    daemon.ready()
    daemon.spawn("patient", tmp_path)
    task = daemon.running("patient")
    daemon.signal(signal.SIGKILL)
    daemon.ended()
    why = daemon.retinue("why", task.id)
    assert why.returncode == 0, why.stderr
    assert "the kernel, which was killed after" in why.stdout.splitlines()[0]
    [listed] = objects(daemon.retinue("tasks", "list", "--json"))
    assert (listed["id"], listed["state"]) == (task.id, "running")
    assert listed["waiting_for"] == "the kernel, which is not running"
    assert daemon.retinue("audit").returncode == 0
    assert daemon.retinue("verify").returncode == 0


def test_after_a_stop_the_audit_tells_what_the_actors_said_last(start, tmp_path):
    daemon = start()
    daemon.ready()
    daemon.spawn("caller", tmp_path)
    daemon.retinue("submit", "caller", "--wait")
    daemon.signal(signal.SIGTERM)
    daemon.ended()
    actors = {
        one["name"]: one
        for one in objects(daemon.retinue("audit", "--json"))
        if one["scope"] == "actor"
    }
    assert actors["agent:caller"]["parts"]["handled"] >= 1
    assert all(one["holds"] for one in actors.values())


def test_state_is_another_name_of_the_folder(start, tmp_path):
    daemon = start()
    daemon.ready()
    daemon.retinue("submit", "echo", "--input", '{"text": "hi"}', "--wait")
    state = str(daemon.folder)
    for command in EVERY:
        plain = daemon.retinue(*command, "--state", state)
        assert plain.returncode == 0, plain.stderr
    states = daemon.retinue("tasks", "list", "--state", "succeeded", "--state", state, "--json")
    assert [one["state"] for one in objects(states)] == ["succeeded"]


def test_a_changed_byte_is_found_and_its_place_is_told(start):
    daemon = _ended_daemon(start)
    [event] = objects(daemon.retinue("log", "--type", "task.submitted", "--json"))
    change = "UPDATE events SET body = replace(body, 'innocent', 'inn0cent') WHERE seq = ?"
    _tamper(daemon, change, event["seq"])
    done = daemon.retinue("verify")
    assert done.returncode == 65
    assert done.stdout.startswith(f"event {event['seq']}: body")
    assert "the journal is broken" in done.stderr


def test_an_audit_that_does_not_add_up_exits_65_and_says_where(start):
    daemon = _ended_daemon(start)
    _tamper(daemon, "DELETE FROM events WHERE type = 'task.submitted'")
    done = daemon.retinue("audit")
    assert done.returncode == 65
    assert "does not add up: r-" in done.stderr
    assert "was not open" in done.stderr


def _ended_daemon(start):
    daemon = start()
    daemon.ready()
    daemon.retinue("submit", "echo", "--input", '{"text": "innocent"}', "--wait")
    daemon.signal(signal.SIGTERM)
    daemon.ended()
    return daemon


def _tamper(daemon, statement, *values):
    """As somebody could who may write the file."""
    with closing(connect(daemon.folder / "journal.db")) as journal, journal:
        assert journal.execute(statement, values).rowcount == 1


def test_a_daemon_keeps_events_for_a_reader_and_trims_when_it_is_told_to(start):
    daemon = start(RETINUE_JOURNAL_MAX_EVENTS="40")
    daemon.ready()
    for _ in range(15):
        task = daemon.submit("echo", text="hi")
        daemon.see(task.run, "task.succeeded")
    daemon.retinue("journal", "readers", "register", "export", "20")
    assert objects(daemon.retinue("journal", "readers", "list", "--json")) == [
        {"reader": "export", "seq": 20}
    ]
    [held] = objects(daemon.retinue("journal", "trim", "--json"))
    assert held["held_by"] == ["reader export"]
    assert "held by reader export" in daemon.retinue("status").stdout
    daemon.retinue("journal", "readers", "forget", "export")
    [done] = objects(daemon.retinue("journal", "trim", "--json"))
    assert done["removed"] > 30
    shown = objects(daemon.retinue("journal", "show", "--json"))[0]
    assert (shown["first"], shown["readers"]) == (done["first"], {})
    daemon.signal(signal.SIGKILL)
    daemon.ended()
    assert daemon.retinue("verify").returncode == 0
    again = start(RETINUE_JOURNAL_MAX_EVENTS="40")
    again.ready()
    assert again.retinue("tasks", "list").returncode == 0
