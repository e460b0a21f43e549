"""Calls of a plugin behind its walls, without a kernel; a part of the bench ``plugins``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median
from typing import Any

from plugins_den import TEXT, TOGETHER, WAIT, Echoes, bare_echo, hasty_echo, p99, timed

from retinue.plugins import ToolContext
from retinue.plugins.hosting.process import HostedProcess


def run(report: Any, given: Any, folder: Path, *, together: bool) -> None:
    """The channel alone has a target; what a call adds to it is told beside."""
    den = Echoes(folder, given, "standard")
    try:
        asyncio.run(_run(report, den, TOGETHER if together else ""))
    finally:
        den.close()


async def _run(report: Any, den: Echoes, way: str) -> None:
    rounds, times = (1, 200) if report.quick else (9, 2_000)
    plugin, context = den.plugin(), ToolContext()
    await plugin.start()
    process = plugin.process
    if not isinstance(process, HostedProcess):
        raise TypeError(f"{process!r} does not speak frames")
    with bare_echo() as trip, hasty_echo() as hasty:
        works = {
            "echo": trip,
            "hasty": hasty,
            "channel": lambda: process.ping(WAIT),
            "call": lambda: plugin.call("echo", {"value": TEXT}, context),
            "plain": lambda: plugin.call("plain", {"value": TEXT}, context),
        }
        took: dict[str, list[list[float]]] = {name: [] for name in works}
        for turn in range(rounds):
            report.progress(f"calls, round {turn + 1}")
            for name, work in works.items():
                await timed(work, 20)
                took[name].append(await timed(work, times))
    await plugin.stop(0.0)
    middle = {name: median(map(median, figures)) for name, figures in took.items()}
    channel = f"the channel alone, there and back, beside a bare echo{way}"
    report.ratio(channel, middle["channel"], middle["echo"], at_least=1 / 2)
    report.note(f"a bare echo that is read before the loop is asked{way}", middle["hasty"], "µs")
    report.note(f"a call of an async tool by its host{way}", middle["call"], "µs")
    report.note(f"a call of a plain tool by its host{way}", middle["plain"], "µs")
    every = [one for figures in took["call"] for one in figures]
    report.at_most(f"a call of an async tool by its host, p99{way}", p99(every) / 1e3, 2.0, "ms")
