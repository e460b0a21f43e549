"""A host program that embeds the kernel is left as it was."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pykka
import pytest
from loguru import logger

from retinue.bus.errors import InvalidInput
from retinue.kernel import AsyncKernel, Kernel
from retinue.plugins import agent


@agent
async def shout(ctx, text: str) -> str:
    return text.upper()


@agent
def plain(ctx, text: str) -> str:
    return text.lower()


def work(kernel):
    kernel.spawn("shout", shout)
    kernel.spawn("plain", plain)
    assert kernel.submit("shout", {"text": "a"}).result(timeout=10) == "A"
    assert kernel.submit("plain", {"text": "A"}).result(timeout=10) == "a"


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - opens one itself, each time


def host():
    """Everything of the host that a library could touch."""
    return {
        "threads": sorted(t.name for t in threading.enumerate()),
        "descriptors": descriptors(),
        "root handlers": list(logging.getLogger().handlers),
        "retinue handlers": list(logging.getLogger("retinue").handlers),
        "loguru sinks": sorted(logger._core.handlers),
        "signals": {
            s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        },
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "pykka": pykka.ActorRegistry.get_all(),
        "switch interval": sys.getswitchinterval(),
        "excepthook": sys.excepthook,
    }


def test_a_kernel_leaves_its_host_as_it_was():
    with Kernel() as warm:
        work(warm)
    before = host()
    with Kernel() as kernel:
        work(kernel)
    assert host() == before


def test_a_kernel_with_a_redis_of_its_own_leaves_its_host_as_it_was():
    with Kernel(redis="auto") as warm:
        work(warm)
    before = host()
    with Kernel(redis="auto") as kernel:
        work(kernel)
        assert kernel.status().bus.state == "live"
    assert host() == before


def test_importing_it_starts_nothing_and_loads_no_redis():
    program = (
        "import sys, threading, logging, signal\n"
        "before = signal.getsignal(signal.SIGINT), len(logging.getLogger().handlers)\n"
        "import retinue.kernel\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert before == (signal.getsignal(signal.SIGINT), len(logging.getLogger().handlers))\n"
        "heavy = ('redis', 'starlette', 'uvicorn', 'openai', 'rich', 'click')\n"
        "loaded = [name for name in heavy if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_thousand_kernels_opened_and_closed_leak_nothing():
    def cycle():
        with Kernel() as kernel:
            kernel.spawn("shout", shout)
            assert kernel.submit("shout", {"text": "a"}).result(timeout=10) == "A"

    for _ in range(3):
        cycle()
    before = host()
    for _ in range(1_000):
        cycle()
    assert host() == before


def test_three_kernels_live_side_by_side_and_do_not_see_each_other():
    with Kernel(name="one") as one, Kernel(name="two") as two, Kernel(name="three") as three:
        for kernel in (one, two, three):
            work(kernel)
        one.spawn("only-here", shout)
        assert "only-here" not in {a.name for a in two.agents()}
        assert {k.status().tasks["succeeded"] for k in (one, two, three)} == {2}


def test_kernels_live_inside_a_running_event_loop_without_blocking_it():
    async def program():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        async with (
            AsyncKernel(name="a") as a,
            AsyncKernel(name="b") as b,
            AsyncKernel(name="c") as c,
        ):
            results = []
            for kernel in (a, b, c):
                await kernel.spawn("shout", shout)
                handle = await kernel.submit("shout", {"text": kernel.kernel.name})
                types = [event.type async for event in handle.events(timeout=10)]
                assert types[-1] == "run.succeeded"
                results.append(await handle.result(timeout=10))
        ticking.cancel()
        return results, ticks

    results, ticks = asyncio.run(program())
    assert results == ["A", "B", "C"]
    assert ticks > 10


def test_the_async_handle_waits_cancels_and_says_when_it_takes_too_long():
    @agent
    async def never(ctx) -> None:
        await asyncio.Event().wait()

    async def program():
        async with AsyncKernel() as kernel:
            await kernel.spawn("never", never)
            handle = await kernel.submit("never")
            said = []
            try:
                await handle.result(timeout=0.01)
            except TimeoutError as late:
                said.append(type(late).__name__)
            assert await handle.cancel("enough") is True
            try:
                await handle.result(timeout=10)
            except Exception as cancelled:
                said.append(type(cancelled).__name__)
            return said

    assert asyncio.run(program()) == ["DeadlineExceeded", "TaskCancelled"]


def test_an_async_program_asks_why_and_deals_with_dead_letters():
    @agent
    async def broken(ctx) -> None:
        raise ValueError("no such luck")

    async def program():
        async with AsyncKernel() as kernel:
            await kernel.spawn("broken", broken)
            first = await kernel.submit("broken", priority=7, attempts=1)
            async for _ in first.events(timeout=10):
                pass
            why = await kernel.why(first.id)
            [letter] = await kernel.letters.list()
            opened = await kernel.letters.open(letter.id)
            again = await kernel.letters.redrive(letter.id)
            with pytest.raises(InvalidInput, match="dealt with before"):
                await kernel.letters.purge(letter.id, "twice")
            assert (await kernel.task(again)).priority == 7
            return first.id, why, letter, opened

    task, why, letter, opened = asyncio.run(program())
    assert why.id == letter.task == task
    assert "no such luck" in why.answer
    assert opened.letter == letter
