"""What was begun is what became of it; and a journal from which something was lost says so."""

from __future__ import annotations

import msgspec
import pytest

from retinue.bus.journal import Filter
from retinue.bus.messages import (
    AttemptFailed,
    KernelStarted,
    KernelStopped,
    LlmCalled,
    LlmReturned,
    MessageDead,
    RunSucceeded,
    TaskCancelled,
    TaskFailed,
    TaskQueued,
    TaskSucceeded,
    ToolCalled,
    ToolReturned,
)
from retinue.kernel import Kernel
from retinue.kernel.asking.audit import audit, balance_of_actor
from retinue.kernel.cli import main
from retinue.plugins import agent

from .agents import world

ONE = msgspec.Raw(b"1")


def parts(book, what):
    """What became of everything of that kind in run r-1, without the zeros."""
    found = next(b for b in audit(book.store.read()).runs()[0] if b.what == what)
    return found.begun, {name: count for name, count in found.parts.items() if count}


def wrongs(events):
    return [text for balance in audit(events).broken() for text in balance.wrong]


def whole(book):
    """A run with a parent, a child that is tried again, a tool and a model; all ended."""
    book.kernel("boss", "clerk")
    book.begun("t-1", "boss")
    book.begun("t-2", "clerk", parent="t-1")
    book.write(ToolCalled("c-1", "files.read", ONE), "t-2")
    book.write(ToolReturned("c-1", "files.read", ok=False, seconds=1.0, error="OSError"), "t-2")
    book.write(AttemptFailed(1, "OSError", "gone"), "t-2")
    book.write(TaskQueued(2), "t-2")
    book.run("t-2", attempt=2)
    book.write(LlmCalled("l-1", "m", 1), "t-2")
    book.write(LlmReturned("l-1", "m", 1.0), "t-2")
    book.write(TaskSucceeded(ONE), "t-2")
    book.write(TaskSucceeded(ONE), "t-1")
    book.write(RunSucceeded(), "t-1")
    return list(book.store.read())


def test_a_whole_run_adds_up(book):
    whole(book)
    assert parts(book, "tasks") == (2, {"succeeded": 2})
    assert parts(book, "attempts") == (3, {"succeeded": 2, "failed": 1})
    assert parts(book, "tool calls") == (1, {"failed": 1})
    assert parts(book, "model calls") == (1, {"ok": 1})
    assert audit(book.store.read()).broken() == []


def test_what_is_open_is_counted_as_open(book):
    book.kernel("boss", "clerk")
    book.begun("t-1", "boss")
    book.submit("t-2", "clerk", parent="t-1")
    book.write(ToolCalled("c-1", "files.read", ONE), "t-1")
    assert parts(book, "tasks") == (2, {"open": 2})
    assert parts(book, "attempts") == (1, {"open": 1})
    assert parts(book, "tool calls") == (1, {"open": 1})


@pytest.mark.parametrize(
    "ends",
    [
        [TaskCancelled("enough")],
        [TaskFailed("DeadlineExceeded", "late")],
        [KernelStarted("main", "1.0", 8)],
    ],
    ids=["cancelled", "failed", "killed"],
)
def test_a_call_that_was_cut_off_has_an_unknown_end(book, ends):
    book.kernel("clerk")
    book.begun("t-1", "clerk")
    book.write(ToolCalled("c-1", "files.read", ONE), "t-1")
    for end in ends:
        book.write(end, "" if isinstance(end, KernelStarted) else "t-1")
    assert parts(book, "tool calls") == (1, {"unknown": 1})
    assert audit(book.store.read()).broken() == []


LOSSES = {
    "task.submitted": "was not open",
    "task.succeeded": "task(s) are open",
    "tool.called": "returned that were never made",
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_journal_that_lost_an_event_does_not_add_up(book, kind):
    events = whole(book)
    for lost in [event for event in events if event.type == kind]:
        found = audit([event for event in events if event is not lost])
        assert any(LOSSES[kind] in text for one in found.broken() for text in one.wrong)


DOUBLES = {
    "task.submitted": "was submitted twice",
    "task.succeeded": "was not open",
    "run.succeeded": "comes after run.succeeded",
}


@pytest.mark.parametrize("kind", DOUBLES)
def test_a_journal_that_holds_an_event_twice_does_not_add_up(book, kind):
    events = whole(book)
    for number, event in enumerate(events):
        if event.type == kind:
            again = [*events[: number + 1], event, *events[number + 1 :]]
            assert any(DOUBLES[kind] in text for text in wrongs(again))


def test_nothing_may_come_after_the_end_of_a_run(book):
    whole(book)
    book.write(ToolCalled("c-9", "files.read", ONE), "t-1")
    assert wrongs(book.store.read()) == [
        f"tool.called at {book.store.last} comes after run.succeeded"
    ]


def test_ends_whose_beginning_was_trimmed_away_are_no_fault(book):
    events = whole(book)
    for cut in range(1, len(events)):
        assert audit(events[cut:], first=cut + 1).broken() == [], events[cut].type


def test_totals_are_those_of_all_runs_and_only_the_newest_are_listed(book):
    book.kernel("clerk")
    for n in range(30):
        book.begun(f"t-{n}", "clerk")
        book.write(TaskSucceeded(ONE), f"t-{n}")
        book.write(RunSucceeded(), f"t-{n}")
    counted = audit(book.store.read(), keep=5)
    totals = {one.what: one.begun for one in counted.totals()}
    assert (counted.counted, totals) == (30, {"tasks": 30, "attempts": 30})
    assert [balances[0].name for balances in counted.runs()] == [f"r-{n}" for n in range(25, 30)]
    assert audit(book.store.read(), keep=0).runs() == []


def test_dead_letters_are_counted_since_the_last_start(book):
    book.kernel()
    book.write(MessageDead("RunTask", "agent:x", "stopped"))
    book.kernel()
    book.write(MessageDead("RunTask", "agent:x", "stopped"))
    assert audit(book.store.read()).dead == 1


def test_an_actor_that_cannot_account_for_a_message_does_not_add_up():
    counts = {"handled": 3, "failed": 1, "dead_lettered": 1, "dropped": 0, "pending": 2}
    assert balance_of_actor("scheduler", counts).holds
    assert balance_of_actor("scheduler", {**counts, "sent": 7}).holds
    assert not balance_of_actor("scheduler", {**counts, "sent": 8}).holds


def test_what_a_kernel_says_of_its_actors_at_its_end_is_kept(book):
    book.kernel()
    book.write(KernelStopped(0, {"scheduler": {"handled": 4, "pending": 1}}))
    [scheduler] = audit(book.store.read()).actors
    assert (scheduler.name, scheduler.begun) == ("scheduler", 5)


def test_a_real_kernel_adds_up_whatever_happened_in_it():
    @agent(attempts=2)
    async def sometimes(ctx, n: int) -> int:
        if n % 3 == 0:
            raise ValueError(n)
        return n

    @agent
    async def boss(ctx, n: int) -> int:
        return await ctx.ask("sometimes", n=n)

    @agent(tools=["world.hang"])
    async def caller(ctx) -> str:
        return await ctx.call("world.hang")

    with Kernel(plugins=[world()]) as kernel:
        for spec in (sometimes, boss, caller):
            kernel.spawn(spec.name, spec)
        tasks = [kernel.submit("boss", {"n": n}) for n in range(12)]
        hanging = kernel.submit("caller")
        for task in tasks:
            _over(task)
        hanging.cancel("enough")
        _over(hanging)
        counted = audit(kernel.feed.store.read())
        assert counted.broken() == []
        assert {one.what: one.begun for one in counted.totals()} == {
            "tasks": 25,
            "attempts": 29,
            "tool calls": 1,
        }
        told = kernel.balances()
        assert set(told) >= {"journal", "scheduler", "orchestrator", "agent:boss"}
        assert all(balance_of_actor(name, said).holds for name, said in told.items())
    stopped = next(kernel.feed.store.read(0, Filter(types=("kernel.stopped",))))
    assert stopped.data["actors"]["agent:boss"]["sent"] >= 12
    assert stopped.data["actors"]["agent:boss"]["handled"] >= 12
    assert stopped.data["actors"]["scheduler"]["pending"] == 0


def test_an_audit_says_loudly_that_an_actor_lost_a_message(stage, capfd):
    kernel = stage.kernel()
    system = kernel._tree.system
    system.find("scheduler").cell.handled -= 1
    said = kernel.balances()["scheduler"]
    assert said["sent"] == said["handled"] + 1
    kernel.close()
    with pytest.raises(SystemExit) as ended:
        main(["audit", "--state-dir", str(stage.folder / "state")])
    told = capfd.readouterr()
    assert ended.value.code == 65
    assert "does not add up: scheduler, messages: " in told.err
    assert "all adds up" not in told.err
    [line] = [line for line in told.out.splitlines() if line.startswith("scheduler ")]
    assert " sent ≠ " in line


def _over(task):
    list(task.events(timeout=30))
