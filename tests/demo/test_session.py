"""What the observer gets, over a real Redis, and how the figures come about."""

from __future__ import annotations

import pytest
import redis

from retinue.bus.errors import NotFound, Unavailable
from retinue.bus.wire import ObservedEvent
from retinue.kernel.demo import Session, Tally
from retinue.plugins.llm.scripted import ScriptedModel

ANSWERS = ['{"keywords": ["meeting"]}', *["The next meeting is on Tuesday at ten."] * 2]
QUESTION = "When is the next meeting?"

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("real_redis")]


def test_the_observer_gets_every_event_of_the_kernels_life_in_order(notes):
    with Session(notes, ScriptedModel(ANSWERS)) as session:
        events = [event for event in session.events(QUESTION, 20) if event]
        summary = session.summary()
        assert session.report().supported
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type, events[-1].type) == ("kernel.started", "kernel.stopped")
    assert (summary.events_journal, summary.events_observed, summary.lost) == (len(events),) * 2 + (
        0,
    )
    assert (summary.agents, summary.tasks, summary.tool_calls) == (4, 4, 2)
    assert summary.model == "scripted"


def test_events_that_redis_lost_are_counted_and_do_not_hold_the_end_up(notes):
    with Session(notes, ScriptedModel(ANSWERS), catch_up=0.5) as session:
        events = session.events(QUESTION, 20)
        seen = [next(events)]
        session.task.result(timeout=20)
        with redis.Redis.from_url(session.url) as client:
            client.xtrim("retinue:{demo}:log", maxlen=1, approximate=False)
        seen += [event for event in events if event]
        summary = session.summary()
    assert summary.lost == summary.events_journal - len(seen) > 0


def test_without_any_redis_it_says_so_and_leaves_nothing(notes, monkeypatch):
    monkeypatch.setattr("retinue.bus.redis.server.find_binaries", lambda: iter(()))
    with pytest.raises(Unavailable, match="no valkey-server or redis-server on PATH"):
        Session(notes, ScriptedModel([])).__enter__()


def test_before_a_question_there_is_no_report(notes):
    with Session(notes, ScriptedModel([])) as session, pytest.raises(NotFound, match="use events"):
        session.report()


def test_an_event_that_comes_twice_counts_once():
    tally = Tally()
    called = ObservedEvent(3, "e-3", "tool.called", 1.0, "retinue:demo", task="t-1", agent="a")
    returned = ObservedEvent(
        4, "e-4", "llm.returned", 3.5, "x", task="t-2", agent="b", body=b'{"input_tokens": 5}'
    )
    for event in (called, called, returned):
        tally.add(event)
    found = tally.summary(5, "m", "r")
    assert (found.tool_calls, found.tokens, found.tasks, found.agents) == (1, 5, 2, 2)
    assert (found.events_observed, found.lost, found.seconds) == (2, 3, 2.5)


def test_the_answer_is_the_same_when_a_confined_process_reads_the_documents(notes):
    notes.chmod(0o755)  # a kernel that is root gives the process a user of its own
    reports = []
    for sandboxed in (False, True):
        with Session(notes, ScriptedModel(ANSWERS), sandboxed=sandboxed) as session:
            events = [event for event in session.events(QUESTION, 20) if event]
            reports.append(session.report())
    assert reports[0] == reports[1]
    assert reports[0].supported
    [granted] = [event.data for event in events if event.type == "plugin.granted"]
    [started] = [event.data for event in events if event.type == "plugin.started"]
    assert (granted["permissions"]["read"], granted["permissions"]["write"]) == ([str(notes)], [])
    assert set(started["layers"]) >= {"landlock", "seccomp"}
    called = [event.data["tool"] for event in events if event.type == "tool.called"]
    assert called == ["files.search", "files.read"]
