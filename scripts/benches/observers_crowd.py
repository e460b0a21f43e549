"""200 observers of 1,000 events a second, and what they cost the kernel, on the machine's cores.

The kernel's own time is what a small task takes from its submission to its result, at a fixed rate,
while an agent thinks aloud 1,000 times a second: with nobody there, with 200 WebSockets, and with
200 connections that ``PSUBSCRIBE``, by turns. The observers are one process that reads, counts and
does nothing else (``references/crowd.py``), at the lowest priority: they stand for other machines.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any, Self

from observers_readers import MARK, WAIT, Emission, child

from retinue.bus.redis.private import PrivateServer
from retinue.bus.topics import channel
from retinue.kernel import Kernel
from retinue.kernel.api.server import ApiServer
from retinue.kernel.listening import listen_tcp
from retinue.kernel.unix_socket import listen
from retinue.plugins import Context, agent

NAME = "bench-crowd"
OBSERVERS = 200
SECONDS = 10.0
ROUNDS = 5
EVENTS_A_SECOND, TASKS_A_SECOND = 1_000, 100


def run(report: Any, server: PrivateServer) -> None:
    """The kernel's p99 with and without them, and what they missed."""
    observers, seconds = (20, 1.0) if report.quick else (OBSERVERS, SECONDS)
    found: dict[str, list[float]] = {"nobody": [], "WebSockets": [], "PSUBSCRIBE": []}
    missed = dict.fromkeys(found, 0)
    with Crowded(server.url, observers) as crowded:
        for turn in range(1 if report.quick else ROUNDS):
            for kind, p99s in found.items():
                report.progress(f"{kind}, round {turn + 1}")
                with crowded.watched(kind) as read:
                    p99s.append(crowded.p99(seconds))
                    missed[kind] += read(seconds)
    alone = median(found.pop("nobody"))
    report.note("a task's p99, 1,000 events/s, nobody listens", alone, "ms")
    for kind, p99s in found.items():
        listening = f"{observers} {kind}"
        report.note(f"a task's p99, {listening}", median(p99s), "ms")
        change = max(0.0, (median(p99s) / alone - 1) * 100)
        report.at_most(f"the kernel's p99 grows by, {listening}", change, 5.0, "%")
        report.at_most(f"events that were missed, {listening}", missed[kind], 0, "")


@agent
async def answers(_: Context, text: str) -> str:
    """A small task."""
    return text


class Crowded:
    """A kernel with observers that come and go."""

    def __init__(self, url: str, observers: int) -> None:
        """``url`` is a Unix socket's."""
        self._redis = url
        self._observers = observers
        self._kernel = Kernel(NAME, url)
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")

    def __enter__(self) -> Self:
        self._kernel.start()
        self._kernel.spawn("answers", answers)
        self._emission = Emission(self._kernel)
        own = listen(Path(self._folder.name) / "own.sock")
        observers = listen_tcp("127.0.0.1:0")
        self._server = ApiServer(self._kernel, own, lambda _: None, observers)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._kernel.close(drain=0.0)
        self._folder.cleanup()

    @contextmanager
    def watched(self, kind: str) -> Iterator[Any]:
        """With observers of that kind; gives what tells how many events they missed."""
        if kind == "nobody":
            with nullcontext():
                yield lambda _: 0
            return
        places = {
            "WebSockets": ("websocket", self._server.address, "/ws/orchestrator"),
            "PSUBSCRIBE": ("channel", self._path, channel(NAME, "*", "agent.thought")),
        }
        with child("crowd.py", *places[kind], str(self._observers), MARK) as crowd:

            def missed(seconds: float) -> int:
                crowd.stdin.write("\n")
                crowd.stdin.flush()
                expected = self._observers * int(seconds * EVENTS_A_SECOND)
                return expected - int(crowd.stdout.readline())

            yield missed

    @property
    def _path(self) -> str:
        return self._redis.partition("://")[2].partition("?")[0]

    def p99(self, seconds: float) -> float:
        """Milliseconds that all but a hundredth of the tasks take at most."""
        many = int(seconds * EVENTS_A_SECOND)
        emission = threading.Thread(target=self._emission.think, args=(many, 1 / EVENTS_A_SECOND))
        emission.start()
        times = sorted(self._tasks(int(seconds * TASKS_A_SECOND)))
        emission.join()
        return times[len(times) * 99 // 100] * 1000

    def _tasks(self, count: int) -> Iterator[float]:
        pause, begun = threading.Event(), time.perf_counter()
        for number in range(count):
            pause.wait(max(0.0, begun + number / TASKS_A_SECOND - time.perf_counter()))
            started = time.perf_counter()
            self._kernel.submit("answers", {"text": "hello"}).result(timeout=WAIT)
            yield time.perf_counter() - started
