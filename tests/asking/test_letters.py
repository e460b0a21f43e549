"""Dead letters: listed, opened, sent again once, or taken off the list."""

from __future__ import annotations

import threading

import msgspec
import pytest

from retinue.bus.errors import InvalidInput, NotFound, TaskFailed, Unavailable
from retinue.bus.journal import Filter
from retinue.bus.messages import (
    CancelTask,
    MessageDead,
    MessagePurged,
    MessageRedriven,
)
from retinue.bus.messages import (
    TaskFailed as TaskFailedEvent,
)
from retinue.kernel import Kernel
from retinue.kernel.asking.letters import letters, opened
from retinue.plugins import agent


def listed(source, **options):
    return [(letter.id, letter.dealt) for letter in letters(source, **options)]


def test_failed_tasks_and_dead_messages_are_listed_until_they_are_dealt_with(book):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.write(TaskFailedEvent("ValueError", "no"), "t-1")
    dead = book.write(MessageDead("RunTask", "agent:x", "stopped", "e-9", task="t-7"))
    lost = book.write(MessageDead("TurnOver", "agent:x", "stopped"))
    assert listed(book.store) == [("t-1", ""), (dead, ""), (lost, "")]
    book.write(MessageRedriven("t-1", "t-2"))
    book.write(MessagePurged(dead, "of no use"))
    assert listed(book.store) == [(lost, "")]
    assert listed(book.store, dealt=True) == [
        ("t-1", "redriven as t-2"),
        (dead, "purged: of no use"),
        (lost, ""),
    ]


def test_a_letter_is_opened_with_its_whole_payload(book):
    body = msgspec.Raw(b'{"type":"CancelTask","reason":"enough"}')
    dead = book.write(
        MessageDead("CancelTask", "orchestrator", "killed", "e-9", body, sender="operator")
    )
    found = opened(book.store, dead)
    assert found.payload == {"type": "CancelTask", "reason": "enough"}
    assert (found.sender, found.message) == ("operator", "e-9")
    book.runs["t-1"] = "r-1"
    book.submit("t-1", "clerk")
    book.write(TaskFailedEvent("ValueError", "no"), "t-1")
    assert opened(book.store, "t-1").payload == {}


def test_a_letter_that_is_none_is_refused(book):
    with pytest.raises(NotFound, match="retinue dead list --all"):
        opened(book.store, "t-9")


class Switch:
    """An agent that fails until it is told otherwise."""

    def __init__(self):
        self.broken = True

    def agent(self):
        @agent
        async def moody(ctx, text: str) -> str:
            if self.broken:
                raise ValueError("in a mood")
            return text.upper()

        return moody


def test_a_failed_task_is_done_again_as_a_new_one_and_only_once():
    switch = Switch()
    with Kernel() as kernel:
        kernel.spawn("moody", switch.agent())
        task = kernel.submit("moody", {"text": "again"})
        with pytest.raises(TaskFailed):
            task.result(timeout=30)
        assert [letter.id for letter in kernel.letters.list()] == [task.id]
        assert kernel.letters.open(task.id).payload == {"text": "again"}
        switch.broken = False
        anew = kernel.letters.redrive(task.id)
        assert kernel.handle(anew).result(timeout=30) == "AGAIN"
        assert kernel.letters.list() == []
        with pytest.raises(InvalidInput, match=f"redriven as {anew}"):
            kernel.letters.redrive(task.id)


def test_a_purged_letter_stays_in_the_journal_with_the_reason():
    with Kernel() as kernel:
        kernel.spawn("moody", Switch().agent())
        task = kernel.submit("moody", {"text": "x"})
        with pytest.raises(TaskFailed):
            task.result(timeout=30)
        kernel.letters.purge(task.id, "known")
        assert kernel.letters.list() == []
        [letter] = kernel.letters.list(dealt=True)
        assert letter.dealt == "purged: known"
        with pytest.raises(InvalidInput, match="dealt with before"):
            kernel.letters.purge(task.id, "twice")


@pytest.fixture
def kernel():
    with Kernel() as started:
        yield started


def died(kernel, wait_until, recipient, message):
    """Send a message to an actor that has ended; returns the id of its dead letter."""
    ref = kernel._tree.system.find(recipient)
    gone = threading.Event()
    ref.monitor(lambda _: gone.set())
    kernel.stop_agent(recipient.removeprefix("agent:"))
    assert gone.wait(30)
    with pytest.raises(Exception, match="has stopped"):
        ref.tell(message)
    wait_until(kernel.letters.list)
    return kernel.letters.list()[0].id


@agent
async def quiet(ctx) -> None:
    """Does nothing."""


def stray(kernel):
    """A message that an agent takes at any time: the end of an attempt that it does not have."""
    from retinue.bus.messages import StopAttempt

    return kernel._tree.scribe.write(StopAttempt("enough"), "r-1", "t-1", "quiet")


def test_a_dead_message_is_kept_whole_and_sent_again_once_its_recipient_is_there(
    kernel, wait_until
):
    kernel.spawn("quiet", quiet)
    message = stray(kernel)
    dead = died(kernel, wait_until, "agent:quiet", message)
    event = next(e for e in kernel.feed.store.read() if e.id == dead)
    assert (event.run, event.task) == ("", "")
    assert event.data["id"] == message.id
    with pytest.raises(Unavailable, match="spawn the agent 'quiet'"):
        kernel.letters.redrive(dead)
    kernel.spawn("quiet", quiet)
    handled = kernel.balances()["agent:quiet"]["handled"]
    assert kernel.letters.redrive(dead) == "agent:quiet"
    wait_until(lambda: kernel.balances()["agent:quiet"]["handled"] == handled + 1)
    assert kernel.letters.list() == []


def test_what_only_memory_held_is_refused_and_can_be_purged(kernel, wait_until):
    from retinue.actors.scheduler import AskScheduler

    kernel.spawn("quiet", quiet)
    dead = died(kernel, wait_until, "agent:quiet", AskScheduler())
    kernel.spawn("quiet", quiet)
    with pytest.raises(InvalidInput, match="only in the memory"):
        kernel.letters.redrive(dead)
    kernel.letters.purge(dead, "lost")
    assert kernel.letters.list() == []


def test_what_a_task_was_given_is_not_in_its_dead_letter(kernel, wait_until):
    """It may hold secrets, and once the task has ended nobody could redact them any more."""
    from retinue.bus.messages import InvokeTool, RunTask, SubmitTask

    given = msgspec.Raw(b'{"password":"hunter2hunter2"}')
    for number, command in enumerate(
        [RunTask(given), SubmitTask(given), InvokeTool("world.pay", given)]
    ):
        kernel.spawn("quiet", quiet)
        message = kernel._tree.scribe.write(command, task=f"t-{number}")
        dead = died(kernel, wait_until, "agent:quiet", message)
        assert kernel.letters.open(dead).payload["type"] == type(command).__name__
        kernel.letters.purge(dead, "seen")
    written = b"".join(event.envelope.body for event in kernel.feed.store.read())
    assert b"SubmitTask" in written
    assert b"hunter2" not in written


@pytest.mark.parametrize("kind", ["SubmitTask", "InvokeTool"])
def test_a_command_whose_input_was_not_written_down_is_not_sent_again(book, kind):
    from retinue.kernel.asking.letters import envelope_of

    dead = book.write(MessageDead(kind, "orchestrator", "stopped", "e-9", msgspec.Raw(b"{}")))
    with pytest.raises(InvalidInput, match="is not written down"):
        envelope_of(book.store, opened(book.store, dead).letter)


def test_an_attempt_that_nobody_got_is_made_once_its_agent_is_there(kernel, wait_until):
    """The letter has no input; the kernel still has it."""
    from retinue.actors.task_messages import work

    @agent
    async def echoing(ctx, text: str) -> str:
        return text

    kernel.configure_scheduler(paused=True)
    kernel.spawn("quiet", quiet)
    kernel.spawn("echoing", echoing)
    task = kernel.submit("echoing", {"text": "still here"})
    record = kernel._tree.table.tasks[task.id]
    command = kernel._tree.scribe.write(work(record), task.run, task.id, "echoing")
    dead = died(kernel, wait_until, "agent:quiet", command)
    assert kernel.letters.open(dead).payload["input"] is None
    kernel.letters._reader = lambda _: kernel._tree.system.find("agent:echoing")
    assert kernel.letters.redrive(dead) == "agent:echoing"
    assert task.result(timeout=30) == "still here"


def test_an_attempt_that_is_over_is_not_run_again_by_a_letter(kernel, wait_until):
    from retinue.bus.messages import RunTask

    kernel.spawn("quiet", quiet)
    task = kernel.submit("quiet")
    task.result(timeout=30)
    command = kernel._tree.scribe.write(RunTask(msgspec.Raw(b"{}")), task.run, task.id, "quiet")
    dead = died(kernel, wait_until, "agent:quiet", command)
    kernel.spawn("quiet", quiet)
    with pytest.raises(InvalidInput, match=f"attempt 1 of {task.id} is over"):
        kernel.letters.redrive(dead)


def test_a_letter_is_marked_before_its_message_is_sent(kernel, wait_until):
    """So that a kill in between costs the message, and never sends it twice."""
    kernel.spawn("quiet", quiet)
    dead = died(kernel, wait_until, "agent:quiet", stray(kernel))
    kernel.spawn("quiet", quiet)
    ref = kernel._tree.system.find("agent:quiet")
    marked = []

    class Watching:
        name = "agent:quiet"

        def tell(self, message):
            marked.append(listed(kernel.feed.store, dealt=True))
            ref.tell(message)

    kernel.letters._reader = lambda _: Watching()
    kernel.letters.redrive(dead)
    assert marked == [[(dead, "redriven as agent:quiet")]]


def test_a_dead_message_does_not_come_after_the_end_of_its_run(kernel, wait_until):
    kernel.spawn("quiet", quiet)
    task = kernel.submit("quiet")
    task.result(timeout=30)
    message = kernel._tree.scribe.write(CancelTask("late"), task.run, task.id)
    died(kernel, wait_until, "agent:quiet", message)
    *_, last = kernel.feed.store.read(0, Filter(run=task.run))
    assert last.type == "run.succeeded"
