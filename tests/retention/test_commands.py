"""What the commands say of a journal whose oldest events went. No daemon runs."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import pytest

from retinue.bus.journal import Filter
from retinue.kernel.cli.main import main
from retinue.plugins import agent

from .test_kernel import adds, done, fails, there, waits


@agent
async def asks(ctx) -> int:
    return await ctx.ask("adds", n=1)


@pytest.fixture
def said(house, capsys, monkeypatch):
    """``said(*arguments)``: the exit code, stdout and stderr of a command on the house's folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--state-dir", str(house.folder)])
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return run


@pytest.fixture
def cut(house):
    """Ids of a run that went, of one that went in part, of one that is whole, and of a dead letter."""
    kernel = house.kernel(max_events=120, holds="pass")
    there(kernel, "adds", adds)
    there(kernel, "waits", waits)
    there(kernel, "fails", fails)
    gone = kernel.submit("adds", {"n": 1})
    gone.result(timeout=20)
    gone.begun = next(kernel.feed.store.read(0, Filter(run=gone.run))).seq
    failed = kernel.submit("fails", {"why": "no"})
    with pytest.raises(Exception, match="no"):
        failed.result(timeout=20)
    part = kernel.submit("waits", {"seconds": 100.0})
    kernel.settle()
    done(kernel, 60)
    kernel.journal.trim()
    kernel.advance(101)
    part.result(timeout=20)
    whole = kernel.submit("adds", {"n": 2})
    whole.result(timeout=20)
    kernel.settle()
    first = kernel.feed.store.first
    house.close()
    return gone, part, whole, failed, first


def test_the_log_says_which_events_are_no_longer_kept(cut, said):
    gone, _, whole, _, first = cut
    missing = f"events 1 to {first - 1} are no longer kept"
    assert missing in said("log", "--after", "0", "--limit", "2")[2]
    assert missing in said("log", "--run", gone.run)[2]
    assert f"events 3 to {first - 1} are no longer kept" in said("log", "--after", "2")[2]
    assert "events 1 to 4 are no longer kept" in said("log", "--before", "5")[2]
    assert "no longer kept" not in said("log", "--limit", "3")[2]
    assert "no longer kept" not in said("log", "--after", str(first + 3), "--run", whole.run)[2]
    code, _, err = said("log", "--timeline", "--run", gone.run)
    assert (code, missing in err) == (66, True)


def test_verify_says_what_went_and_that_a_checkpoint_stands_for_it(cut, said, house):
    code, _, err = said("verify")
    assert code == 0
    assert f"events 1 to {cut[-1] - 1} are no longer kept; a checkpoint says" in err
    with closing(sqlite3.connect(house.path)) as connection, connection:
        connection.execute("UPDATE events SET type = 'kernel.stat' WHERE type = 'kernel.state'")
    code, _, err = said("verify")
    assert (code, "no checkpoint says what they told" in err) == (65, True)


def test_the_audit_adds_up_and_says_what_is_not_counted(cut, said):
    code, out, err = said("audit")
    assert code == 0, err
    assert f"events 1 to {cut[-1] - 1} are no longer kept: runs that ended there are not" in err
    assert re.search(r", \d+ run\(s\) only in part", err)
    assert re.search(r"the tasks that ended there: 1 failed, \d+ succeeded|\d+ succeeded", err)
    part = [line for line in out.splitlines() if line.startswith(cut[1].run)]
    assert "1 succeeded" in part[0]
    code, _, err = said("audit", "--run", cut[0].run)
    assert (code, "are no longer kept" in err) == (66, True)


def test_why_knows_what_the_checkpoint_retells(cut, said):
    gone, part, whole, failed, _ = cut
    assert "succeeded" in said("why", part.id)[1]
    assert "succeeded" in said("why", whole.run)[1]
    assert "ValueError: no" in said("why", failed.id)[1]
    for name in (gone.id, gone.run, str(int(gone.begun))):
        code, _, err = said("why", name)
        assert (code, "are no longer kept" in err) == (66, True), name


@pytest.mark.parametrize("command", ["replay", "diff"])
def test_what_needs_a_whole_run_refuses_one_that_went_or_is_cut(cut, said, command):
    gone, part, whole, *_ = cut
    more = [whole.run] if command == "diff" else []
    assert "no run" in said(command, gone.run, *more)[2]
    code, _, err = said(command, part.run, *more)
    assert (code, "the beginning of run" in err) == (66, True)
    assert said(command, whole.run, *([whole.run] if more else []))[0] == 0


def test_a_run_is_replayed_among_agents_that_the_checkpoint_retells(house, said):
    kernel = house.kernel(max_events=60)
    there(kernel, "adds", adds)
    there(kernel, "asks", asks)
    done(kernel, 40)
    kernel.journal.trim()
    spawned = [e.agent for e in kernel.feed.store.read(0, Filter(types=("agent.spawned",)))]
    assert spawned == []
    task = kernel.submit("asks")
    assert task.result(timeout=20) == 1
    house.close()
    code, out, err = said("replay", task.run, "--offline")
    assert code == 0, out + err
    assert "came out again byte for byte" in err


def test_tasks_and_dead_letters_are_listed_from_the_checkpoint_too(cut, said):
    failed = cut[3]
    assert failed.id in said("dead", "list")[1]
    assert json.loads(said("dead", "show", failed.id, "--json")[1])["payload"] == {"why": "no"}
    assert failed.id in said("tasks", "list", "--state", "failed")[1]


def test_the_journal_is_shown_without_a_daemon(cut, said, monkeypatch):
    monkeypatch.setenv("RETINUE_JOURNAL_MAX_EVENTS", "120")
    shown = json.loads(said("journal", "show", "--json")[1])
    assert (shown["first"], shown["max_events"], shown["readers"]) == (cut[-1], 120, {})
    assert f"1 to {cut[-1] - 1}" in said("journal", "show")[1]
    assert "at most 120 events" in said("doctor")[1]
    assert said("journal", "trim")[0] == 69
