"""What hand-made journals are answered with: causes, times, and what no kernel is needed to know."""

from __future__ import annotations

import msgspec
import pytest

from retinue.bus.errors import NotFound
from retinue.bus.messages import (
    AgentSpawned,
    AgentThought,
    AttemptFailed,
    KernelStarted,
    KernelStopped,
    MessageDead,
    PluginFailed,
    TaskFailed,
    TaskQueued,
    TaskScheduled,
    TaskStalled,
    TaskSucceeded,
    ToolCalled,
    ToolReturned,
)
from retinue.kernel.asking.edges import Live
from retinue.kernel.asking.why import why

RUNNING = Live(running=True)
NOTHING = msgspec.Raw(b"{}")


def asked(book, id, live=RUNNING, after=1.0):
    return why(book.store, id, book.now + after, live)


def test_the_chain_of_causes_goes_back_to_the_submission(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.write(AgentThought("hm"), "t-1")
    book.write(TaskSucceeded(NOTHING, 1, 3.0), "t-1")
    answer = asked(book, "t-1")
    assert answer.answer == "succeeded after 3.0 s, at attempt 1"
    assert [link.type for link in answer.chain] == [
        "run.started",
        "task.submitted",
        "task.queued",
        "task.scheduled",
        "task.running",
        "agent.thought",
        "task.succeeded",
    ]
    assert not any(link.implied for link in answer.chain)


def test_where_a_command_is_the_cause_what_came_before_stands_in_and_says_so(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.last["t-1"] = "e-a-command-that-is-not-kept"
    book.write(TaskFailed("ValueError", "no"), "t-1")
    links = asked(book, "t-1").chain
    assert [link.type for link in links][-2:] == ["task.running", "task.failed"]
    assert [link.implied for link in links][-2:] == [True, False]


def test_a_childs_chain_goes_on_through_its_parent(book):
    book.kernel("boss", "clerk")
    book.begun("t-1", "boss")
    book.begun("t-2", "clerk", parent="t-1")
    links = asked(book, "t-2").chain
    assert [link.task for link in links] == ["t-1"] * 5 + ["t-2"] * 4
    assert links[0].type == "run.started"


def test_an_event_is_explained_by_its_seq_and_by_its_id(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    chosen = next(e for e in book.store.read() if e.type == "task.scheduled")
    by_seq, by_id = asked(book, str(chosen.seq)), asked(book, chosen.id)
    assert by_seq.answer == by_id.answer
    assert by_seq.answer == (
        "task.scheduled: chosen by policy priority after 1.0 s: only one waiting"
    )


def test_an_event_without_a_run_is_explained_too(book):
    book.kernel("clerk")
    assert asked(book, "2").answer.startswith("agent.spawned:")


@pytest.mark.parametrize("id", ["t-9", "r-9", "e-9", "99", "nonsense", ""])
def test_what_is_not_in_the_journal_is_said_to_be_unknown(book, id):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    with pytest.raises(NotFound):
        asked(book, id)


def test_a_run_is_answered_with_its_root_task(book):
    book.kernel("boss", "clerk")
    book.begun("t-1", "boss")
    book.begun("t-2", "clerk", parent="t-1")
    answer = asked(book, "r-1")
    assert (answer.kind, answer.task) == ("run", "t-1")
    assert [edge.kind for edge in answer.edges] == ["child", "code"]


def test_of_several_children_that_were_asked_the_one_that_is_open_is_named(book):
    book.kernel("boss", "clerk")
    book.begun("t-1", "boss")
    book.begun("t-2", "clerk", parent="t-1")
    book.begun("t-3", "clerk", parent="t-1")
    book.write(TaskSucceeded(NOTHING, 1, 3.0), "t-2")
    live = Live(running=True, steps={"t-1": "waiting for t-2"})  # what it said first
    edges = asked(book, "t-1", live).edges
    assert [edge.kind for edge in edges] == ["child", "code"]
    assert edges[0].text == "its child t-3 of agent 'clerk', which is running"


def test_times_are_split_by_what_was_waited_for(book):
    book.kernel("clerk")
    book.submit("t-1", "clerk")
    book.write(TaskScheduled("fifo", "oldest of 3 waiting", 1, 2, 4.0), "t-1", after=4.0)
    book.run("t-1")
    book.write(ToolCalled("c-1", "files.read", NOTHING), "t-1", after=0.5)
    book.write(ToolReturned("c-1", "files.read", ok=True, seconds=2.0), "t-1", after=2.0)
    book.write(AttemptFailed(1, "OSError", "gone", 8.0), "t-1", after=0.5)
    book.write(TaskQueued(2, 8.0), "t-1", after=0.0)
    book.now += 8
    book.run("t-1", attempt=2)
    waits = asked(book, "t-1", after=1.0).waits
    assert {name: round(seconds, 3) for name, seconds in waits.items()} == {
        "in line": 6.0,
        "with its agent": 4.0,
        "in back-off": 8.0,
        "in tool files.read": 2.0,
    }


def test_a_message_that_nobody_got_is_what_its_task_is_stuck_on(book):
    book.kernel("clerk")
    book.submit("t-1", "clerk")
    book.write(TaskScheduled("fifo", "only one waiting", 1, 0, 1.0), "t-1")
    full = "dropped: the mailbox was full"
    dead = book.write(MessageDead("RunTask", "agent:clerk", full, "e-x", run="r-1", task="t-1"))
    answer = asked(book, "t-1")
    assert [edge.kind for edge in answer.edges] == ["letter"]
    assert full in answer.answer
    assert f"retinue dead show {dead}" in answer.answer


def test_a_dead_message_of_an_earlier_attempt_is_no_cause_any_more(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.write(MessageDead("RunTask", "agent:clerk", "stopped", "e-x", run="r-1", task="t-1"))
    book.write(AttemptFailed(1, "Interrupted", "killed"), "t-1")
    book.write(TaskQueued(2), "t-1")
    book.run("t-1", attempt=2)
    assert [edge.kind for edge in asked(book, "t-1").edges] == ["code"]


def test_a_task_that_was_handed_over_and_never_begun_says_so(book):
    book.kernel("clerk")
    book.submit("t-1", "clerk")
    book.write(TaskScheduled("fifo", "only one waiting", 1, 0, 1.0), "t-1")
    answer = asked(book, "t-1", after=5.0)
    assert "agent 'clerk', which was handed the task and has not begun for 5.0 s" in answer.answer


def test_an_agent_that_never_was_is_named(book):
    book.kernel()
    book.submit("t-1", "ghost")
    assert "an agent named 'ghost', and there is none: spawn it" in asked(book, "t-1").answer


def test_a_task_that_only_waits_for_its_turn_says_how_many_are_in_line(book):
    book.kernel("clerk", "idle")
    for n in range(3):
        book.submit(f"t-{n}", "clerk")
    assert "its turn under policy priority, with 2 other task(s) in line" in (
        asked(book, "t-1").answer
    )


def test_the_cap_counts_only_tasks_that_hold_a_place(book):
    book.kernel("boss", "clerk", "third", max_running=1)
    book.begun("t-1", "boss")
    book.begun("t-2", "clerk", parent="t-1")
    book.submit("t-3", "third")
    answer = asked(book, "t-3")
    assert [edge.kind for edge in answer.edges] == ["cap", "code"]
    assert "t-2 is the oldest" in answer.answer


def test_a_plugin_that_failed_is_told_with_the_agent_that_could_not_come_back(book):
    from retinue.bus.messages import AgentFailed

    book.kernel("clerk")
    book.submit("t-1", "clerk")
    book.write(KernelStarted("main", "1.0", 8))
    book.write(PluginFailed("files", "no such folder: /srv"))
    book.write(
        AgentFailed(
            "UnknownTool", "no tool matches 'files.*'", "not spawned again; its tasks wait"
        ),
        agent="clerk",
    )
    answer = asked(book, "t-1").answer
    assert "could not be spawned again: UnknownTool: no tool matches 'files.*'" in answer
    assert "plugin files failed: no such folder: /srv" in answer


def test_what_the_watchdog_saw_is_no_progress_but_is_told(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.write(ToolCalled("c-1", "files.read", NOTHING), "t-1")
    book.write(TaskStalled("tool files.read (reading)", 120.0, "report"), "t-1", after=120.0)
    answer = asked(book, "t-1", after=0.0).answer
    assert "tool files.read, which has been running for 2 min 0 s" in answer
    assert "the watchdog saw no progress in tool files.read (reading) for 2 min 0 s" in answer


def test_calls_of_an_earlier_start_are_not_waited_for(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.write(ToolCalled("c-1", "pay.out", NOTHING, "once", "t-1/pay.out/0/1"), "t-1")
    book.write(KernelStarted("main", "1.0", 8))
    book.write(AgentSpawned("shared"), agent="clerk")
    book.write(AttemptFailed(1, "Interrupted", "the kernel was stopped or killed"), "t-1")
    book.write(TaskQueued(2), "t-1")
    book.run("t-1", attempt=2)
    answer = asked(book, "t-1")
    assert [edge.kind for edge in answer.edges] == ["code"]
    assert [(call.error, call.unknown) for call in answer.calls] == [("cut off", True)]


def test_agents_that_wait_for_each_other_end_the_chain_instead_of_looping(book):
    book.kernel("one", "two")
    book.begun("t-1", "one")
    book.begun("t-2", "two")
    book.submit("t-3", "two", parent="t-1")
    book.submit("t-4", "one", parent="t-2")
    answer = asked(book, "t-1")
    assert [edge.task for edge in answer.edges] == ["t-1", "t-3", "t-2", "t-4"]


def test_a_kernel_that_nobody_can_tell_of_is_taken_for_running_unless_it_said_its_end(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    assert asked(book, "t-1", Live()).edges[0].kind == "code"
    assert "was killed after" in asked(book, "t-1", Live(running=False)).answer
    book.write(KernelStopped(1))
    assert asked(book, "t-1", Live()).edges[0].kind == "kernel"


def test_only_open_runs_and_the_one_that_is_asked_for_are_read(book):
    from retinue.kernel.asking.source import relevant

    book.kernel("clerk")
    for n in range(3):
        book.begun(f"t-{n}", "clerk")
    from retinue.bus.messages import RunSucceeded

    book.write(TaskSucceeded(NOTHING), "t-0")
    book.write(RunSucceeded(), "t-0")
    events = list(relevant(book.store, "r-1"))
    assert {event.run for event in events} == {"", "r-1", "r-2"}
    assert [event.seq for event in events] == sorted({event.seq for event in events})


def test_a_journal_that_takes_no_events_is_what_everything_waits_for(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    answer = asked(book, "t-1", Live(running=True, journal="the disk is full"))
    assert [edge.kind for edge in answer.edges] == ["journal"]
    assert "waits for the journal, which takes no events: the disk is full" in answer.answer
