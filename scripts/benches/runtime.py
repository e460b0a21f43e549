"""The actor runtime beside plain pykka and, in an environment of its own, autogen-core."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pykka

from retinue.actors.runtime import LightActor, System

ROOT = Path(__file__).resolve().parents[2]
AUTOGEN = "autogen-core==0.7.5"
WAIT = 120.0


def run(report: Any) -> None:
    """Every figure of the runtime; ``report`` is a ``report.Report``."""
    with System("bench") as system:
        for bench in (_crowd, _tell, _hops, _asks, _births, _autogen):
            bench(report, system)


# One-way messages


def _tell(report: Any, system: System) -> None:
    light, heavy = _starter(system, _LightSink), _PykkaSink.start
    for senders, target in ((1, 5), (4, 7)):
        report.compare(
            f"tell, {senders} sender{'s'[: senders - 1]}",
            lambda senders=senders: _told(light, 100_000, senders),
            lambda senders=senders: _told(heavy, 100_000, senders),
            at_least=target,
        )


class _Counting:
    def on_receive(self, message: Any) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()


class _LightSink(_Counting, LightActor):
    def __init__(self, left: int, done: threading.Event) -> None:
        self.left, self.done = left, done


class _PykkaSink(_Counting, pykka.ThreadingActor):
    def __init__(self, left: int, done: threading.Event) -> None:
        super().__init__()
        self.left, self.done = left, done


def _told(start: Callable[..., Any], count: int, senders: int) -> float:
    done = threading.Event()
    ref = start(count, done)
    threads = [
        threading.Thread(target=_tell_all, args=(ref, count // senders)) for _ in range(senders)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    _wait(done)
    passed = time.perf_counter() - started
    for thread in threads:
        thread.join()
    ref.stop()
    return passed / count * 1e6


def _tell_all(ref: Any, count: int) -> None:
    tell = ref.tell
    for number in range(count):
        tell(number)


# Hops from actor to actor


def _hops(report: Any, system: System) -> None:
    light, heavy = _starter(system, _LightHop), _PykkaHop.start
    report.compare(
        "idle hop between two actors",
        lambda: _ring(light, 2, 1, 20_000),
        lambda: _ring(heavy, 2, 1, 5_000),
        at_least=15,
    )
    report.compare(
        "loaded ring of 4, 100 messages",
        lambda: _ring(light, 4, 100, 40_000),
        lambda: _ring(heavy, 4, 100, 20_000),
        at_least=3.5,
    )


class _Hopping:
    def on_receive(self, message: Any) -> None:
        if message.__class__ is not tuple:
            self.following = message
            return
        left, done = message
        if left:
            self.following.tell((left - 1, done))
        else:
            done.set()


class _LightHop(_Hopping, LightActor):
    pass


class _PykkaHop(_Hopping, pykka.ThreadingActor):
    pass


def _ring(start: Callable[..., Any], actors: int, tokens: int, hops: int) -> float:
    refs = [start() for _ in range(actors)]
    passed = _go_round(refs, tokens, hops)
    for ref in refs:
        ref.stop()
    return passed / hops * 1e6


def _go_round(refs: list[Any], tokens: int, hops: int) -> float:
    for ref, following in zip(refs, [*refs[1:], refs[0]], strict=True):
        ref.tell(following)
    ends = [threading.Event() for _ in range(tokens)]
    started = time.perf_counter()
    for place, end in enumerate(ends):
        refs[place * len(refs) // tokens].tell((hops // tokens, end))
    for end in ends:
        _wait(end)
    return time.perf_counter() - started


# Asks


def _asks(report: Any, system: System) -> None:
    light, heavy = _starter(system, _LightEcho), _PykkaEcho.start
    report.compare(
        "ask, 100 in flight",
        lambda: _asked(light, 20_000),
        lambda: _asked(heavy, 10_000),
        at_least=4,
    )


class _LightEcho(LightActor):
    def on_receive(self, message: Any) -> Any:
        return message


class _PykkaEcho(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


def _asked(start: Callable[..., Any], count: int) -> float:
    ref = start()
    started = time.perf_counter()
    for _ in range(count // 100):
        futures = [ref.ask(number, block=False) for number in range(100)]
        for future in futures:
            future.get(timeout=WAIT)
    passed = time.perf_counter() - started
    ref.stop()
    return passed / count * 1e6


# Creating and stopping


def _births(report: Any, system: System) -> None:
    count = 1_000 if report.quick else 10_000
    light, heavy = [], []
    for turn in range(1 if report.quick else 3):
        report.progress(f"create and stop {count} actors, round {turn + 1}")
        heavy.append(_lived(_PykkaEcho.start, count))
        light.append(_lived(_starter(system, _LightEcho), count))
    for step, name in enumerate(("create", "stop")):
        ours, theirs = (median(figures[step] for figures in all_) for all_ in (light, heavy))
        report.ratio(f"{name} {count:,} actors, each", ours, theirs, at_least=15)


def _lived(start: Callable[..., Any], count: int) -> tuple[float, float]:
    begun = time.perf_counter()
    refs = [start() for _ in range(count)]
    made = time.perf_counter()
    ends = [ref.stop(block=False) for ref in refs]
    for end in ends:
        end.get(timeout=WAIT)
    ended = time.perf_counter()
    return (made - begun) / count * 1e6, (ended - made) / count * 1e6


def _crowd(report: Any, system: System) -> None:
    count = 100_000
    report.progress(f"{count} actors at once")
    start, before = _starter(system, _LightHop), _resident_kib()
    begun = time.perf_counter()
    refs = [start() for _ in range(count)]
    made = time.perf_counter() - begun
    report.at_most("100,000 live actors created", made, 3.0, "s")
    report.at_most("one of them, with its ref", (_resident_kib() - before) / count, 3.0, "KiB")
    hops = 4 * count
    report.at_least("hops among them", hops / _go_round(refs, 1_000, hops), 400_000, "/s")
    ends = [ref.stop(block=False) for ref in refs]
    for end in ends:
        end.get(timeout=WAIT)


def _resident_kib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


# Another framework


def _autogen(report: Any, system: System) -> None:
    python = _autogen_python(report)
    if python is None:
        return
    rounds = 1 if report.quick else 3
    report.compare(
        "through three agents and back, 100 in flight",
        lambda: _chained(system, 10_000),
        lambda: _autogen_figure(python),
        at_least=30,
        rounds=rounds,
    )


class _Passing(LightActor):
    def __init__(self, following: Any = None) -> None:
        self.following = following

    async def on_receive(self, message: Any) -> Any:
        if self.following is None:
            return message
        return await self.following.ask(message, block=False)


def _chained(system: System, count: int) -> float:
    last = system.start(_Passing)
    middle = system.start(_Passing, last)
    first = system.start(_Passing, middle)
    started = time.perf_counter()
    for _ in range(count // 100):
        futures = [first.ask(number, block=False) for number in range(100)]
        for future in futures:
            future.get(timeout=WAIT)
    passed = time.perf_counter() - started
    for ref in (first, middle, last):
        ref.stop()
    return passed / count * 1e6


def _autogen_python(report: Any) -> Path | None:
    """The interpreter of an environment that only benches use; a quick run makes none."""
    folder = ROOT / ".venv-bench-autogen"
    python, stamp = folder / "bin" / "python", folder / AUTOGEN
    if not stamp.exists() and report.quick:
        report.progress("autogen is passed over: a whole run installs it")
        return None
    if not stamp.exists():
        report.progress(f"installing {AUTOGEN} into {folder.name}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", AUTOGEN]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        stamp.touch()
    return python


def _autogen_figure(python: Path) -> float:
    script = Path(__file__).with_name("autogen_chain.py")
    done = subprocess.run(
        [str(python), str(script)], check=True, capture_output=True, text=True, timeout=WAIT
    )
    return float(done.stdout)


def _starter(system: System, cls: type[Any]) -> Callable[..., Any]:
    return lambda *args: system.start(cls, *args)


def _wait(event: threading.Event) -> None:
    if not event.wait(WAIT):
        raise TimeoutError(f"a bench did not end within {WAIT:g} s")
