"""A kernel that starts on what an earlier one left: every prefix of a journal is a crash."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from retinue.actors.effects import Effects
from retinue.actors.fold import Folded, fold
from retinue.actors.snapshot import freeze, thaw
from retinue.actors.task_table import TaskTable
from retinue.bus.errors import TaskFailed
from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Kernel
from retinue.plugins import Plugin, agent, tool


class World:
    """What happened outside: each effect that took place, and each turn that began."""

    def __init__(self):
        self.effects = Counter()
        self.turns = Counter()

    def plugin(self):
        @tool(effect="once")
        def pay(to: str) -> str:
            self.effects[f"pay {to}"] += 1
            return f"paid {to}"

        @tool(effect="idempotent")
        def put(key: str) -> str:
            self.effects[f"put {key}"] += 1
            return f"put {key}"

        @tool
        def look(at: str) -> str:
            return f"saw {at}"

        return Plugin("world", "1.0", tools=[pay, put, look])

    def agents(self):
        @agent(tools=["world.*"])
        async def worker(ctx, n: int) -> str:
            self.turns["worker"] += 1
            ctx.state["done"] = ctx.state.get("done", 0) + 1
            seen = await ctx.call("world.look", at=str(n))
            await ctx.call("world.put", key=str(n))
            return seen + ", " + await ctx.call("world.pay", to=f"shop {n}")

        @agent(tools=["world.*"])
        async def boss(ctx, n: int) -> list[str]:
            self.turns["boss"] += 1
            done = [await ctx.ask("worker", n=i) for i in range(n)]
            for letter in "abc":
                ctx.text(letter)
            done.append(await ctx.call("world.pay", to="the boss"))
            return done

        return {"worker": worker, "boss": boss}


def start(world, store):
    kernel = Kernel(store=store, plugins=[world.plugin()])
    kernel.start()
    for name, spec in world.agents().items():
        kernel.spawn(name, spec)
    return kernel


RESULT = ["saw 0, paid shop 0", "saw 1, paid shop 1", "paid the boss"]


def recorded():
    """An undisturbed run: its events, and the id of its root task."""
    world, store = World(), MemoryStore()
    kernel = start(world, store)
    task = kernel.submit("boss", {"n": 2}, key="the run")
    assert task.result(timeout=20) == RESULT
    events = list(store.read())
    kernel.close(drain=0)
    return events, task.id


EVENTS, ROOT = recorded()
ACCEPTED = next(e.seq for e in EVENTS if e.type == "task.queued" and e.task == ROOT)


def crashed_at(seq):
    store = MemoryStore()
    store.append([event.envelope for event in EVENTS[:seq]])
    return store


def known(seq):
    """What the journal's prefix says of each ``once`` effect: returned, or only begun."""
    begun, returned = {}, set()
    for event in EVENTS[:seq]:
        if event.type == "tool.called" and event.data.get("effect") == "once":
            begun[event.data["call"]] = event.data["args"]["to"]
        if event.type == "tool.returned":
            returned.add(event.data["call"])
    done = {to for call, to in begun.items() if call in returned}
    return done, set(begun.values()) - done


@pytest.mark.parametrize("seq", range(ACCEPTED, len(EVENTS) + 1))
def test_whatever_the_crash_cut_off_the_run_ends_as_it_would_have(seq):
    done, unknown = known(seq)
    world, store = World(), crashed_at(seq)
    kernel = start(world, store)
    try:
        task = kernel.submit("boss", {"n": 2}, key="the run")
        assert task.id == ROOT
        if unknown:
            with pytest.raises(TaskFailed, match="OutcomeUnknown"):
                task.result(timeout=20)
        else:
            assert task.result(timeout=20) == RESULT
        for to in done | unknown:
            assert world.effects[f"pay {to}"] == 0
        assert all(n == 1 for effect, n in world.effects.items() if effect.startswith("pay"))
        last = [e.type for e in store.read(only=Filter(run=task.run))]
        assert sum(t in {"run.succeeded", "run.failed", "run.cancelled"} for t in last) == 1
        assert last[-1] in {"run.succeeded", "run.failed"}
    finally:
        kernel.close(drain=0)


def test_a_stop_resumes_and_a_cancel_does_not():
    @agent
    async def waits(ctx, name: str) -> str:
        ctx.thought(name)
        if ctx.attempt == 1:
            await asyncio.Event().wait()
        return name

    store = MemoryStore()
    kernel = Kernel(store=store).start()
    kernel.spawn("waits", waits)
    kernel.spawn("waits-too", waits)
    stopped = kernel.submit("waits", {"name": "stopped"})
    cancelled = kernel.submit("waits-too", {"name": "cancelled"})
    seen = 0
    for event in kernel.events():
        seen += event is not None and event.type == "agent.thought"
        if seen == 2:
            break
    cancelled.cancel("enough")
    with pytest.raises(Exception, match="enough"):
        cancelled.result(timeout=10)
    kernel.close(drain=0)

    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    with Kernel(store=again) as second:
        assert second.task(cancelled.id).state == "cancelled"
        assert second.task(stopped.id).waiting_for == "no agent is named 'waits': spawn it"
        second.spawn("waits", waits)
        assert second.handle(stopped.id).result(timeout=10) == "stopped"
        recovered = next(e for e in again.read() if e.type == "kernel.recovered")
        assert (recovered.data["resumed"], recovered.data.get("clean", True)) == (1, True)


def test_agents_state_elements_and_progressions_come_back():
    @agent
    async def counts(ctx) -> int:
        ctx.state["n"] = ctx.state.get("n", 0) + 1
        return ctx.state["n"]

    store = MemoryStore()
    kernel = Kernel(store=store).start()
    kernel.spawn("counts", counts)
    assert kernel.submit("counts").result(timeout=10) == 1
    element = kernel.elements.create({"a": 1}, {"kind": "note"})
    progression = kernel.progressions.create("notes")
    kernel.progressions.append(progression.id, [element.id])
    kernel.close(drain=0)

    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    with Kernel(store=again) as second:
        second.spawn("counts", counts)
        assert second.submit("counts").result(timeout=10) == 2
        assert second.elements.get(element.id) == element
        assert list(second.progressions.get(progression.id)) == [element.id]


def test_an_attempt_that_was_broken_off_costs_the_task_no_attempt():
    tries = []

    @agent
    async def once(ctx) -> int:
        tries.append(ctx.attempt)
        if len(tries) == 1:
            ctx.thought("here")
            await asyncio.Event().wait()
        return ctx.attempt

    store = MemoryStore()
    kernel = Kernel(store=store).start()
    kernel.spawn("once", once)
    task = kernel.submit("once")
    for event in task.events(timeout=10):
        if event.type == "agent.thought":
            break
    kernel.close(drain=0)
    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    with Kernel(store=again) as second:
        second.spawn("once", once)
        assert second.handle(task.id).result(timeout=10) == 2


def folded(events, start=None):
    state = start or Folded(TaskTable(1_000), Effects())
    for event in events:
        fold(state, event)
    return state


def test_the_same_journal_gives_the_same_state_to_the_byte():
    assert freeze(folded(EVENTS)) == freeze(folded(EVENTS))


@pytest.mark.parametrize("seq", range(len(EVENTS)))
def test_a_snapshot_and_what_came_after_it_give_the_same_state(seq):
    whole = folded(EVENTS[:seq])
    thawed = thaw(freeze(folded(EVENTS[:seq])), 1_000)
    for event in EVENTS[seq:]:
        fold(whole, event)
        fold(thawed, event)
        assert freeze(thawed) == freeze(whole), event


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[1]", b'{"version": 0}', b"\xff\x00"])
def test_a_snapshot_that_cannot_be_used_is_the_same_as_none(damaged):
    assert thaw(damaged, 1_000) is None
