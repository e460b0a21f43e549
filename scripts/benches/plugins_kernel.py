"""Calls of a plugin by agents of a kernel, with their events; a part of the bench ``plugins``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from plugins_den import TEXT, TOGETHER, WAIT, bare_echo, p99, source_of, timed

from retinue.kernel import Kernel
from retinue.plugins import Context, agent


@agent(tools=["echoing.*"])
async def caller(ctx: Context, times: int) -> list[float]:
    """The microseconds of each call, one after the other."""
    return await timed(lambda: ctx.call("echoing.echo", value=TEXT), times)


@agent(tools=["echoing.*"])
async def once(ctx: Context, text: str) -> str:
    """A task as users make them: one call, and its result."""
    answer: str = await ctx.call("echoing.echo", value=text)
    return answer


def run(report: Any, _: Any, folder: Path, *, together: bool) -> None:
    """An agent's calls beside a bare echo, and whole tasks with one call."""
    with Kernel("bench-plugins") as kernel:
        source = source_of(folder)
        kernel.load_plugin(source, approve=kernel.propose_plugin(source).digest)
        kernel.spawn("caller", caller)
        kernel.spawn("once", once)
        way = TOGETHER if together else ""
        _calls(report, kernel, way)
        _tasks(report, kernel, way)


def _calls(report: Any, kernel: Kernel, way: str) -> None:
    rounds, times = (1, 100) if report.quick else (9, 1_000)
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    for turn in range(rounds):
        report.progress(f"an agent's calls, round {turn + 1}")
        bare.append(asyncio.run(_echoed(times)))
        ours.append(kernel.submit("caller", {"times": times}).result(timeout=WAIT))
    mine, theirs = (median(map(median, figures)) for figures in (ours, bare))
    name = f"a call by an agent, with its events, beside a bare echo{way}"
    report.ratio(name, mine, theirs, at_least=1 / 8)
    every = [one for figures in ours for one in figures]
    report.at_most(f"a call by an agent, with its events, p99{way}", p99(every) / 1e3, 2.0, "ms")


async def _echoed(times: int) -> list[float]:
    with bare_echo() as trip:
        await timed(trip, 100)
        return await timed(trip, times)


def _tasks(report: Any, kernel: Kernel, way: str) -> None:
    times = 50 if report.quick else 2_000

    def task() -> None:
        kernel.submit("once", {"text": TEXT}).result(timeout=WAIT)

    report.progress(f"{times} tasks with one call each")
    took = _timed(task, times)
    report.at_most(
        f"a task with one call, submit to result, p50{way}", median(took) / 1e3, 2.0, "ms"
    )
    report.note(f"the same, p99{way}", p99(took) / 1e3, "ms")
    took = _timed(lambda: kernel.invoke("echoing.echo", {"value": TEXT}), times)
    report.note(f"an operator's call, p50{way}", median(took) / 1e3, "ms")


def _timed(work: Callable[[], object], times: int) -> list[float]:
    """Microseconds of each."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e6)
    return took
