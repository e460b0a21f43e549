"""How long a plugin takes to start behind its walls, and what it holds; a part of ``plugins``."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

from plugins_den import Echoes

from retinue.plugins.sandbox.given import Given
from retinue.plugins.sandbox.levels import missing

MANY, AT_ONCE = 100, 4


def run(report: Any, given: Given, folder: Path) -> None:
    """Starts at each level by turns, then many plugins at once."""
    asyncio.run(_starts(report, given, folder))
    asyncio.run(_resident(report, given, folder))


async def _starts(report: Any, given: Given, folder: Path) -> None:
    levels = ["limits", "standard"]
    if missing("strict", given):
        report.progress("starts at the level strict are left out: it takes bubblewrap")
    else:
        levels.append("strict")
    dens = {level: Echoes(folder / level, given, level) for level in levels}  # type: ignore[arg-type]
    took: dict[str, list[float]] = {level: [] for level in levels}
    try:
        for turn in range(2 if report.quick else 21):
            report.progress(f"starts, round {turn + 1}")
            for level, den in dens.items():
                took[level].append(await _start(den))
    finally:
        for den in dens.values():
            den.close()
    bare, *walled = (median(took[level]) for level in levels)
    for level, cost in zip(levels[1:], walled, strict=True):
        report.at_most(f"from nothing to the first frame, {level}", cost, 150.0, "ms")
        report.ratio(f"the same beside no layers, {level}", cost, bare, at_least=1 / 1.5, unit="ms")


async def _start(den: Echoes) -> float:
    """Milliseconds until a plugin has said what it offers."""
    plugin = den.plugin()
    began = time.perf_counter()
    await plugin.start()
    took = (time.perf_counter() - began) * 1e3
    await plugin.stop(0.0)
    return took


async def _resident(report: Any, given: Given, folder: Path) -> None:
    count = 4 if report.quick else MANY
    den = Echoes(folder / "many", given, "standard")
    door = asyncio.Semaphore(AT_ONCE)
    plugins = [den.plugin() for _ in range(count)]

    async def start(plugin: Any) -> None:
        async with door:
            await plugin.start()

    report.progress(f"{count} plugins beside each other")
    try:
        await asyncio.gather(*map(start, plugins))
        held = [_held(pid) for pid in den.spawned]
        report.at_most(f"{count} plugins resident", sum(held) / 1e6, 1_500.0, "MB")
        await asyncio.gather(*(plugin.stop(0.0) for plugin in plugins))
    finally:
        den.close()


def _held(pid: int) -> int:
    """Bytes: its share of what it shares and all that is its own; where that is hidden, all it maps."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except PermissionError:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 1024 * next(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
