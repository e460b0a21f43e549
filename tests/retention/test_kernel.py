"""A kernel whose journal lets the oldest events go, and that knows afterwards what it has to."""

from __future__ import annotations

import asyncio

import pytest

from retinue.bus.errors import InvalidInput, NotFound, TaskFailed
from retinue.bus.journal import Filter
from retinue.bus.journal.verify import verify
from retinue.kernel import Kernel
from retinue.plugins import agent


@agent
async def adds(ctx, n: int = 0) -> int:
    ctx.state["seen"] = ctx.state.get("seen", 0) + 1
    return n


@agent
async def fails(ctx, why: str) -> None:
    raise ValueError(why)


@agent
async def waits(ctx, seconds: float = 3600.0) -> str:
    ctx.thought("waiting")
    await asyncio.sleep(seconds)
    return "rested"


def there(kernel, name, spec):
    """Spawn it, unless the kernel found it by its reference."""
    if name not in {one.name for one in kernel.agents()}:
        kernel.spawn(name, spec)


def done(kernel, number, name="adds"):
    return [
        task.result(timeout=20)
        for task in kernel.submit_many(name, [{"n": n} for n in range(number)])
    ]


def trims(kernel):
    return [e.data for e in kernel.feed.store.read(0, Filter(types=("kernel.trimmed",)))]


def test_what_still_matters_outlives_its_events(house):
    kernel = house.kernel(max_events=200)
    there(kernel, "adds", adds)
    there(kernel, "fails", fails)
    element = kernel.elements.create({"a": 1})
    order = kernel.progressions.create("notes")
    kernel.progressions.append(order.id, [element.id])
    failed = kernel.submit("fails", {"why": "no"}, key="never")
    with pytest.raises(TaskFailed):
        failed.result(timeout=20)
    first = kernel.submit("adds", {"n": 1}, key="once")
    assert first.result(timeout=20) == 1
    done(kernel, 100)
    tally = kernel.status().tasks
    trimmed = kernel.journal.trim()
    assert trimmed.removed > 300
    assert kernel.feed.store.first == trimmed.first > 1

    for snapshots in (False, True):
        kernel = house.kernel(snapshots=snapshots, max_events=200)
        assert kernel.status().tasks == tally
        assert kernel.elements.get(element.id) == element
        assert list(kernel.progressions.get(order.id)) == [element.id]
        assert [one.id for one in kernel.letters.list()] == [failed.id]
        assert kernel.letters.open(failed.id).payload == {"why": "no"}
        assert kernel.handle(failed.id).state == "failed"
        with pytest.raises(TaskFailed, match="no"):
            kernel.handle(failed.id).result(timeout=20)
        with pytest.raises(NotFound, match=first.id):
            kernel.handle(first.id)
    there(kernel, "fails", fails)
    there(kernel, "adds", adds)
    again = kernel.letters.redrive(failed.id)
    assert kernel.submit("fails", {"why": "no"}, key="never").id == failed.id
    assert kernel.task(again).agent == "fails"
    assert kernel.submit("adds", {"n": 2}, key="once").id != first.id
    kernel.settle()
    assert verify(house.path).ok


def test_a_key_is_free_again_once_its_task_went_in_the_running_kernel_too(house):
    kernel = house.kernel(max_events=50)
    there(kernel, "adds", adds)
    first = kernel.submit("adds", {"n": 1}, key="once")
    first.result(timeout=20)
    assert kernel.submit("adds", {"n": 1}, key="once").id == first.id
    done(kernel, 40)
    kernel.journal.trim()
    second = kernel.submit("adds", {"n": 1}, key="once")
    assert second.id != first.id
    assert second.result(timeout=20) == 1
    with pytest.raises(NotFound):
        kernel.task(first.id)


def test_the_state_of_an_agent_outlives_its_events(house):
    kernel = house.kernel(max_events=50)
    there(kernel, "adds", adds)
    done(kernel, 60)
    kernel.stop_agent("adds")
    there(kernel, "adds", adds)
    done(kernel, 30)
    kernel.journal.trim()
    kernel = house.kernel(max_events=50)
    there(kernel, "fails", fails)
    done_before = kernel.feed.store.last
    there(kernel, "adds", adds)
    done(kernel, 1)
    state = [e.data for e in kernel.feed.store.read(done_before, Filter(types=("agent.state",)))]
    assert state == [{"type": "agent.state", "state": {"seen": 31}}]


def test_a_live_run_holds_the_cut_and_is_named_once(house):
    kernel = house.kernel(max_events=60, trim_every=10.0)
    there(kernel, "adds", adds)
    there(kernel, "waits", waits)
    done(kernel, 40)
    task = kernel.submit("waits", {"seconds": 500.0})
    done(kernel, 40)
    kernel.advance(100)
    started = next(kernel.feed.store.read(0, Filter(run=task.run)))
    assert started.type == "run.started"
    assert kernel.feed.store.first <= started.seq
    assert kernel.feed.store.first > 60
    said = trims(kernel)
    assert [one["held_by"] for one in said] == [[f"run {task.run}"]]
    assert kernel.status().kept.held_by == (f"run {task.run}",)
    kernel.advance(500)
    assert task.result(timeout=20) == "rested"
    done(kernel, 1)
    kernel.advance(20)
    assert kernel.feed.store.first > started.seq
    assert "held_by" not in trims(kernel)[-1]


def test_a_run_that_is_passed_goes_on_after_a_restart(house):
    kernel = house.kernel(max_events=40, holds="pass")
    there(kernel, "adds", adds)
    there(kernel, "waits", waits)
    task = kernel.submit("waits", {"seconds": 500.0}, key="long")
    kernel.settle()
    done(kernel, 40)
    assert kernel.journal.trim().passed == (f"run {task.run}",)
    assert list(kernel.feed.store.read(0, Filter(run=task.run))) == []
    assert kernel.why(task.id).state == "running"
    kernel = house.kernel(max_events=40, holds="pass")
    there(kernel, "waits", waits)
    again = kernel.submit("waits", key="long")
    assert again.id == task.id
    kernel.advance(501)
    assert again.result(timeout=20) == "rested"


def test_a_registered_reader_holds_the_cut_over_restarts_and_is_named(house):
    kernel = house.kernel(max_events=50)
    there(kernel, "adds", adds)
    done(kernel, 40)
    kernel.journal.register("export", 70)
    trimmed = kernel.journal.trim()
    assert (trimmed.held_by, trimmed.first <= 71) == (("reader export",), True)
    assert trims(kernel)[-1]["held_by"] == ["reader export"]
    kernel = house.kernel(max_events=50)
    assert kernel.journal.readers() == {"export": 70}
    there(kernel, "adds", adds)
    assert kernel.journal.trim().held_by == ("reader export",)
    kernel.journal.register("export", kernel.last_seq)
    done(kernel, 20)
    kernel.journal.forget("export")
    assert kernel.journal.trim().held_by == ()
    with pytest.raises(NotFound, match="no reader 'export'"):
        kernel.journal.forget("export")
    with pytest.raises(InvalidInput, match="cannot have event"):
        kernel.journal.register("export", kernel.last_seq + 1_000)


def test_a_run_holds_that_which_it_goes_on_from(house):
    kernel = house.kernel(max_events=40)
    there(kernel, "adds", adds)
    there(kernel, "waits", waits)
    old = kernel.submit("waits", {"seconds": 1.0})
    kernel.advance(2)
    fork = kernel.fork(old.run, input={"seconds": 900.0})
    kernel.settle()
    done(kernel, 40)
    assert f"run {old.run}" in kernel.journal.trim().held_by
    assert next(kernel.feed.store.read(0, Filter(run=old.run))).type == "run.started"
    fork.cancel()


def test_without_a_bound_nothing_goes(house):
    kernel = house.kernel(trim_every=1.0)
    there(kernel, "adds", adds)
    done(kernel, 50)
    kernel.advance(1_000)
    assert kernel.feed.store.first == 1
    with pytest.raises(InvalidInput, match=r"no bound: set journal\.max_age"):
        kernel.journal.trim()


def test_by_age_events_go_as_they_grow_old(house):
    kernel = house.kernel(max_age=1_000.0, trim_every=50.0)
    there(kernel, "adds", adds)
    for _ in range(30):
        done(kernel, 10)
        kernel.advance(100)
    oldest = next(kernel.feed.store.read())
    assert kernel.clock.time() - 1_100 <= oldest.time <= kernel.clock.time() - 800


def test_a_journal_in_memory_bounds_itself():
    with Kernel() as kernel:
        assert kernel.status().kept.kind == "memory"
        with pytest.raises(Exception, match="in memory and bounds itself"):
            kernel.journal.trim()
