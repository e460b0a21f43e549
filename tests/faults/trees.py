"""Random trees of tasks in a real kernel, cancelled at a random instant."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from retinue.bus.clock import ManualClock
from retinue.bus.envelope import Event
from retinue.bus.errors import DeadlineExceeded, RetinueError
from retinue.bus.journal import Filter, MemoryStore
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK
from retinue.kernel import Kernel, TaskHandle
from retinue.plugins import Context, SyncContext, agent, tool

DEPTH, TASKS = 6, 500
ABREAST, THREADS = 40, 6
"""Agents of each depth: an agent does one task at a time, and never one above its own."""
BOUND = 1.0
"""Seconds, of the kernel's clock, until everything under what was cancelled has ended."""
PATIENCE = 20.0
"""Real seconds for a run to end; then it counts as hung."""
LEAVES = ("waits", "waits", "waits", "talks", "quick", "fails", "calls", "stubborn")
INNER = ("asks", "asks", "gathers", "gathers", "gathers", "leaves", "blocks")
Plan = dict[str, Any]


@tool
async def hangs() -> None:
    await asyncio.Event().wait()


@agent(tools=[hangs])
async def node(ctx: Context, plan: Plan) -> str:
    """One task of a tree, and those below it."""
    ctx.thought(plan["does"])
    children = [await ctx.submit(p["by"], plan=p) for p in plan["below"]]
    does = plan["does"]
    if does == "asks":
        for child in children:
            with contextlib.suppress(RetinueError):
                await child.result()
    elif does == "gathers":
        await asyncio.gather(*(c.result() for c in children), return_exceptions=True)
    elif does == "waits":
        await asyncio.Event().wait()
    elif does == "talks":
        for _ in range(200):
            ctx.text("on and ")
            await asyncio.sleep(0)
    elif does == "fails":
        raise ValueError("as planned")
    elif does == "calls":
        await ctx.call("hangs")
    elif does == "stubborn":
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
    return does


@agent(isolation="thread")
def blocks(ctx: SyncContext, plan: Plan) -> str:
    """The same on a thread of its own, which blocks."""
    children = [ctx.submit(p["by"], plan=p) for p in plan["below"]]
    for child in children:
        with contextlib.suppress(RetinueError):
            child.result()
    return "blocks"


class Forest:
    """A kernel on virtual time in which trees grow, one after the other."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.kernel = Kernel("forest", clock=self.clock, store=self.store).start()
        for depth in range(1, DEPTH + 1):
            for number in range(ABREAST):
                self.kernel.spawn(f"node-{depth}-{number}", node)
            for number in range(THREADS):
                self.kernel.spawn(f"blocks-{depth}-{number}", blocks)
        self.seeds: dict[str, int] = {}

    def cancel_one(self, seed: int) -> None:
        """Grow a tree and cancel it; raises ``AssertionError`` when it does not end."""
        chance = random.Random(seed)
        plan = grow(chance)
        task = self.kernel.submit(plan["by"], {"plan": plan})
        self.seeds[task.run] = seed
        self._until(task, chance.randint(1, 4 * _size(plan) + 8))
        self._cancel(task, chance)
        if chance.random() < 0.5:
            self._until(task, sys.maxsize)  # those that are asked end by themselves
        self.clock.advance(0.95)  # the others are made to
        try:
            *_, last = task.events(timeout=PATIENCE)
        except DeadlineExceeded as error:
            raise AssertionError(f"seed {seed}: run {task.run} did not end") from error
        assert last.type in TERMINAL_RUN, f"seed {seed}: {last}"

    def close(self) -> Counter[str]:
        """End the kernel, and hold all that it wrote against promise 7; the counts."""
        self.kernel.close(drain=0.0)
        counts: Counter[str] = Counter()
        for run, seed in self.seeds.items():
            counts.update(audit(list(self.store.read(0, Filter(run=run))), seed))
        return counts

    def _until(self, task: TaskHandle, events: int) -> None:
        """Read on until that many events were seen, or nothing more happens."""
        with contextlib.suppress(DeadlineExceeded):
            for event in task.events(timeout=0.05):
                events -= 1
                if events <= 0 or event.type in TERMINAL_RUN:
                    return

    def _cancel(self, task: TaskHandle, chance: random.Random) -> None:
        """Cancel the root, or first some of what is below it."""
        submitted = Filter(run=task.run, types=("task.submitted",))
        below = [event.task for event in self.store.read(0, submitted)]
        targets = chance.sample(below, min(len(below), chance.choice((0, 0, 1, 3))))
        for target in (*targets, task.id):
            self.kernel.cancel(target, f"cancel {target}")
            self.clock.advance(chance.random() * 0.01)


def run(seeds: Iterable[int]) -> Counter[str]:
    """A forest of that many trees; raises ``AssertionError`` naming the first seed that is wrong."""
    forest = Forest()
    try:
        for seed in seeds:
            forest.cancel_one(seed)
    except BaseException:
        forest.kernel.close(drain=0.0)
        raise
    return forest.close()


def grow(chance: random.Random) -> Plan:
    """A tree of at most ``TASKS`` tasks, at most ``DEPTH`` deep."""
    left = [chance.choice((5, 30, 100, TASKS)) - 1]
    return _grown(chance, 1, left)


def _grown(chance: random.Random, depth: int, left: list[int]) -> Plan:
    wide = chance.randint(1, 5) if depth < DEPTH else 0
    wide = min(wide, left[0])
    if wide == 0 or (depth > 1 and chance.random() < 0.15):
        does = chance.choice(LEAVES)
    else:
        does = chance.choice(INNER)
        left[0] -= wide
    kind, many = ("blocks", THREADS) if does == "blocks" else ("node", ABREAST)
    by = f"{kind}-{depth}-{chance.randrange(many)}"
    below = [_grown(chance, depth + 1, left) for _ in range(wide)] if does in INNER else []
    return {"does": does, "by": by, "below": below}


def _size(plan: Plan) -> int:
    return 1 + sum(map(_size, plan["below"]))


def audit(events: list[Event], seed: int) -> Counter[str]:
    """Hold the events of one run against promise 7."""
    parents: dict[str, str] = {}
    ends: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.type == "task.submitted":
            parents[event.task] = event.data.get("parent", "")
        elif event.type in TERMINAL_TASK:
            ends[event.task].append(event)
    over = [event.seq for event in events if event.type in TERMINAL_RUN]
    assert len(over) == 1, f"seed {seed}: {len(over)} terminal events of one run"
    assert events[-1].seq == over[0], f"seed {seed}: {events[-1].type} came after the end"
    wrong = {task: len(ends[task]) for task in parents if len(ends[task]) != 1}
    assert not wrong, f"seed {seed}: not one end each: {wrong}"
    cancels = [event for event in events if event.type == "task.cancel_requested"]
    cancelled = sum(end.type == "task.cancelled" for (end,) in ends.values())
    slowest = max((_time_to_end(c, parents, ends, seed) for c in cancels), default=0.0)
    counts = Counter(trees=1, tasks=len(parents), cancels=len(cancels), cancelled=cancelled)
    return counts + Counter(late=slowest > 0, events=len(events))


def _time_to_end(
    cancel: Event, parents: dict[str, str], ends: dict[str, list[Event]], seed: int
) -> float:
    """Seconds from a cancel to the last end below it."""
    below = [task for task in parents if cancel.task in _lineage(task, parents)]
    took = max(ends[task][0].time for task in below) - cancel.time
    assert took <= BOUND, f"seed {seed}: {took:.3f} s from the cancel of {cancel.task} to the end"
    return took


def _lineage(task: str, parents: dict[str, str]) -> list[str]:
    path = [task]
    while parents.get(path[-1]):
        path.append(parents[path[-1]])
    return path
