"""A wall clock that jumps while a kernel works, and the same work without a jump."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from retinue.kernel.testing import TestKernel
from retinue.plugins import Context, agent

SPAN = 600.0
"""Seconds of virtual time in which all the work is done."""
FARTHEST = 10 * 86_400.0


@agent(tools=["clock.sleep"])
async def naps(ctx: Context, seconds: float) -> float:
    slept: float = await ctx.call("clock.sleep", seconds=seconds)
    return round(slept, 3)


@agent(attempts=5)
async def stumbles(ctx: Context, times: int) -> int:
    if ctx.attempt <= times:
        raise OSError(f"attempt {ctx.attempt}")
    return ctx.attempt


def run(seed: int) -> Counter[str]:
    """Raises ``AssertionError`` when a jump changes what becomes of any task."""
    calm, _ = _outcomes(seed, jumps=False)
    shaken, counts = _outcomes(seed, jumps=True)
    assert shaken == calm, f"seed {seed}: {shaken} is not {calm}"
    return counts


def _outcomes(seed: int, *, jumps: bool) -> tuple[list[Any], Counter[str]]:
    """What became of each task, in the order in which they were submitted."""
    chance, leaps = random.Random(seed), random.Random(-1 - seed)
    counts: Counter[str] = Counter(runs=1)
    tasks = []
    with TestKernel() as kernel:
        for number in range(6):
            kernel.spawn(f"naps-{number}", naps)
            kernel.spawn(f"stumbles-{number}", stumbles)
        for _ in range(20):
            tasks.append(_submitted(kernel, chance))
            kernel.advance(chance.random() * 5)
            if jumps:
                kernel.clock.jump(leaps.uniform(-FARTHEST, FARTHEST))
                counts["jumps"] += 1
        kernel.advance(SPAN)
        views = [kernel.task(task.id) for task in tasks]
        seconds = [e.data.get("seconds", 0.0) for e in kernel.events(follow=False) if e]
    assert min(seconds) >= 0, f"seed {seed}: an event tells of {min(seconds)} seconds"
    counts["tasks"] = len(views)
    return [(view.state, view.result, view.error) for view in views], counts


def _submitted(kernel: TestKernel, chance: random.Random) -> Any:
    number = chance.randrange(6)
    deadline = chance.choice((None, 5.5, 20.5))
    if chance.random() < 0.3:
        given = {"times": chance.randint(0, 3)}
        return kernel.submit(f"stumbles-{number}", given, deadline=deadline)
    given = {"seconds": float(chance.randint(1, 30))}
    return kernel.submit(f"naps-{number}", given, deadline=deadline)
