"""Every attack in turn, against this host: what was tried, what came of it, and who noticed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from retinue.bus.errors import DeadlineExceeded, PluginError, RetinueError

from ..hosting.plugin import HostedPlugin
from ..manifest.admission import admit
from ..manifest.grants import checked
from ..manifest.model import Level, Limits, Permissions
from ..sandbox.given import Given
from ..tools import ToolContext
from .den import NOTHING, USUAL, Den, Watch, settled
from .folders import FOLDERS
from .hostile import files, memory, network, processes, raw
from .model import Attack, Outcome
from .silence import silent

__all__ = ["Result", "attack"]

_TOGETHER = 4
"""Protocol attacks at once: two of them take seconds, in which the others go on."""
_PING = 0.005
_SECONDS = 10.0
_NEIGHBOUR = "neighbour"


class Result(msgspec.Struct, frozen=True):
    """All outcomes, and the milliseconds that an honest neighbour's answers took meanwhile."""

    level: Level
    outcomes: tuple[Outcome, ...]
    ping_p50: float
    ping_p99: float

    @property
    def fine(self) -> bool:
        """Whether everything was refused, and told."""
        return all(outcome.fine for outcome in self.outcomes)


async def attack(
    folder: Path,
    given: Given,
    level: Level,
    *,
    permissions: Permissions = NOTHING,
    limits: Limits = USUAL,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> Result:
    """Try everything at a level. ``folder`` is empty and private; ``tell`` hears each outcome.

    ``permissions`` and ``limits`` are those of a plugin that was taken over: what they allow
    is no attack, everything else is. Raises ``PluginError`` where the level cannot be had.
    """
    den = Den(folder, given, level)
    outcomes: list[Outcome] = []
    pings: list[float] = []
    try:
        neighbour = den.hosted(den.admitted(_NEIGHBOUR), den.plan(den.admitted(_NEIGHBOUR)))
        await neighbour.start()
        pinging = asyncio.create_task(_ping(neighbour, pings))
        async for outcome in _all(den, permissions, limits):
            outcomes.append(outcome)
            tell(outcome)
        pinging.cancel()
        await neighbour.stop(0.0)
    finally:
        den.close()
    pings.sort()
    return Result(level, tuple(outcomes), _part(pings, 0.5), _part(pings, 0.99))


async def _all(den: Den, permissions: Permissions, limits: Limits) -> Any:
    for number, name in enumerate(FOLDERS):
        yield await asyncio.to_thread(_folder, den.folder, number, name)
    async for outcome in _calls(den, permissions, limits):
        yield outcome
    async for outcome in _frames(den):
        yield outcome


def _folder(folder: Path, number: int, name: str) -> Outcome:
    made = FOLDERS[name](folder / f"folder-{number}")
    try:
        taken = admit(made, folder / "bad-store")
        checked(taken.manifest.permissions, "bad")
    except PluginError as error:
        said = str(error).replace(str(folder), "")
        return Outcome(_attack(name), True, said, ("admission:admission",))
    return Outcome(_attack(name), False, "it was taken in")


async def _calls(den: Den, permissions: Permissions, limits: Limits) -> Any:
    """The attacks of a plugin's code, one after the other in one process, which some of them end."""
    given = msgspec.structs.replace(
        permissions, write=(*permissions.write, str(den.prey.folder)), processes=False
    )
    admitted = den.admitted()
    plugin = den.hosted(admitted, den.plan(admitted, given, limits), given, limits)
    await plugin.start()
    for name in (*files.ATTACKS, *memory.ATTACKS, *network.ATTACKS, *processes.ATTACKS):
        yield await _call(den, plugin, name)
    await plugin.stop(0.0)


async def _call(den: Den, plugin: HostedPlugin, name: str) -> Outcome:
    den.watch.events.clear()
    try:
        args = {"name": name, "told": den.prey.told}
        answer = await plugin.call("attempt", args, ToolContext())
        await settled(plugin)
        gained, said = answer["gained"], answer["said"]
    except RetinueError as error:
        gained, said = "", f"{type(error).__name__}: {error}"
        if plugin.process is None or plugin.process.reason:
            await _again(plugin)
    gained = gained or den.prey.harm()
    return Outcome(_attack(name), not gained, gained or said, tuple(den.watch.events))


async def _again(plugin: HostedPlugin) -> None:
    """An attack ended the process, as it should: the next one needs another."""
    await plugin.stop(0.0)
    await plugin.release()


async def _frames(den: Den) -> Any:
    admitted = den.admitted()
    limit = asyncio.Semaphore(_TOGETHER)

    async def one(name: str) -> Outcome:
        async with limit:
            watch = Watch()
            plan = den.plan(admitted, main=("hostile.raw", name, "hostile", "1.0.0"))
            return await _frame(den.hosted(admitted, plan, watch=watch), watch, name)

    works: list[Coroutine[Any, Any, Outcome]] = []
    works += [one(name) for name in (*raw.AT_START, *raw.AFTER, *raw.FLOODS)]
    for done in [asyncio.create_task(work) for work in works]:
        yield await done


async def _frame(plugin: HostedPlugin, watch: Watch, name: str) -> Outcome:
    told = 0

    def progress(*_: object) -> None:
        nonlocal told
        told += 1

    said = "the host took it"
    try:
        await plugin.start()
        async with asyncio.timeout(_SECONDS):
            await plugin.call("try", {}, ToolContext(progress))
            if name not in raw.FLOODS:  # one that breaks the protocol behind its reply is ended
                await settled(plugin)
    except (PluginError, DeadlineExceeded, TimeoutError) as error:
        said = str(error)
    with contextlib.suppress(PluginError):
        await plugin.stop(0.0)
    if name in raw.FLOODS:
        amount = told + len(watch.lines) + len(watch.events)
        return Outcome(
            _attack(name), amount < 2000, f"{amount} told", tuple(dict.fromkeys(watch.events))
        )
    return Outcome(_attack(name), bool(watch.events), said, tuple(watch.events))


def _attack(name: str) -> Attack:
    family, _, what = name.partition(": ")
    return Attack(family, what, silent(name))


async def _ping(neighbour: HostedPlugin, pings: list[float]) -> None:
    while neighbour.process is not None and not neighbour.process.reason:
        began = time.perf_counter()
        await neighbour.process.ping(30.0)
        pings.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(_PING)


def _part(sorted_values: list[float], part: float) -> float:
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]
