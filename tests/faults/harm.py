"""What disturbances of Redis and readers that stall cost a kernel: its pace, its memory, and silence."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from retinue.bus.redis.resp import command
from retinue.kernel import Config, Kernel
from retinue.kernel.api.server import ApiServer
from retinue.kernel.config import DialectsConfig, LimitsConfig, LiveLogsConfig, ObserversConfig
from retinue.kernel.unix_socket import connect, listen

from .disturbances import GARBAGE
from .outside import LOGS
from .redises import Server

READERS = 200
FILLING = 300
WITHIN = 10.0
_EVENTS = 4 * 1024
"""Bytes that a stalled reader's kernel keeps for it: less is sooner full."""


class Pace:
    """How long each of many tasks took, and what they cost the processor."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.cpu = 0.0

    def p99(self) -> float:
        """Seconds of the slowest but one in a hundred."""
        return quantiles(self.taken, n=100)[98]

    def rate(self) -> float:
        """Tasks a second."""
        return len(self.taken) / sum(self.taken)

    def each(self) -> float:
        """Seconds of the processor's time for a task."""
        return self.cpu / len(self.taken)


class Patient:
    """A kernel whose pace is taken, with a Redis of its own and an HTTP server."""

    def __init__(self) -> None:
        self._ends = contextlib.ExitStack()
        self.server = Server(keeps=False)
        self._ends.callback(self.server.close)
        folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory()))
        dialects = DialectsConfig(live_logs=LiveLogsConfig(inbound=True))
        config = Config(
            observers=ObserversConfig(stream_length=5_000, dialects=dialects),
            limits=LimitsConfig(ended_tasks=200),  # what ended is no growth
        )
        self.kernel = self._ends.enter_context(
            Kernel(redis=self.server.url, state_dir=folder / "k", config=config)
        )
        self.path = folder / "s"
        listener = self._ends.enter_context(listen(self.path))
        self._api = ApiServer(self.kernel, listener, lambda reason: None)
        self._api.start()
        self._ends.callback(self._api.close)

    def close(self) -> None:
        self._ends.close()

    def pace(self, seconds: float, into: Pace) -> None:
        """Do one task after the other for so long."""
        until, cpu = time.perf_counter() + seconds, time.process_time()
        while (began := time.perf_counter()) < until:
            self.kernel.submit("echo", {"text": "x" * 200}).result(timeout=30)
            into.taken.append(time.perf_counter() - began)
        into.cpu += time.process_time() - cpu

    def fill_up(self) -> None:
        """Work until whoever does not read has as much as is held for it."""
        tasks = self.kernel.submit_many("echo", [{"text": "x" * 2_000}] * FILLING)
        for task in tasks:
            task.result(timeout=30)

    def all_stall(self) -> bool:
        """Whether events are dropped for every client of the HTTP server."""
        clients = list(self._api.hub.clients)
        return len(clients) >= READERS and all(client.backlog.dropped for client in clients)

    def until(self, state: str) -> float:
        """Seconds until the mirror is in that state."""
        began = time.monotonic()
        while self.kernel.status().bus.state != state:
            if time.monotonic() - began > WITHIN:
                return WITHIN
            time.sleep(0.005)
        return time.monotonic() - began


@contextlib.contextmanager
def connections_killed(patient: Patient) -> Iterator[None]:
    with patient.server.client() as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)
    yield


@contextlib.contextmanager
def stopped(patient: Patient) -> Iterator[None]:
    with patient.server.stopped():
        yield


@contextlib.contextmanager
def killed(patient: Patient) -> Iterator[None]:
    patient.server.kill()
    try:
        yield
    finally:
        patient.server.start()


@contextlib.contextmanager
def memory_full(patient: Patient) -> Iterator[None]:
    with patient.server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


@contextlib.contextmanager
def rights_withdrawn(patient: Patient) -> Iterator[None]:
    with patient.server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-evalsha", "-publish")
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+@all")


@contextlib.contextmanager
def garbage(patient: Patient) -> Iterator[None]:
    chance = random.Random(1)
    with patient.server.client() as client:
        for payload in chance.sample(GARBAGE, len(GARBAGE)):
            client.publish(LOGS, payload)
    yield


@contextlib.contextmanager
def stalled_over_http(patient: Patient) -> Iterator[None]:
    with contextlib.ExitStack() as ends:
        for _ in range(READERS):
            made = ends.enter_context(contextlib.closing(connect(patient.path, 30)))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _EVENTS)
            head = b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
            made.sendall(head)
        while not patient.all_stall():
            patient.fill_up()
        yield


@contextlib.contextmanager
def stalled_on_redis(patient: Patient) -> Iterator[None]:
    with contextlib.ExitStack() as ends:
        for _ in range(READERS):
            made = ends.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _EVENTS)
            made.connect(str(patient.server.path))
            made.sendall(command((b"PSUBSCRIBE", b"retinue:{main}:events:*:*")))
        patient.fill_up()
        yield


Harm = Callable[[Patient], AbstractContextManager[None]]
HARMS: dict[str, tuple[Harm, bool]] = {
    "CLIENT KILL": (connections_killed, False),
    "SIGSTOP": (stopped, True),
    "SIGKILL": (killed, True),
    "memory limit": (memory_full, True),
    "ACL withdrawn": (rights_withdrawn, True),
    "garbage inbound": (garbage, False),
    "200 stalled on Redis": (stalled_on_redis, False),
    "200 stalled over HTTP": (stalled_over_http, False),
}
"""Each with whether the mirror has to say that it is degraded."""


class Cost(NamedTuple):
    """What a harm cost: percent more or fewer, megabytes and seconds; 0 and below is nothing.

    The processor's time for a task is what others on the machine disturb the least.
    """

    p99: float
    rate: float
    cpu: float
    memory: float
    degraded: float


def measure(patient: Patient, harm: str, rounds: int, seconds: float) -> Cost:
    """Alternating with nothing done; the memory is what grows beyond what the same work takes anyway."""
    begin, degrades = HARMS[harm]
    without, during, grown, late = Pace(), Pace(), [], [0.0]
    for _ in range(rounds):
        patient.until("live")
        before = _memory()
        patient.pace(seconds, without)
        between = _memory()
        with begin(patient):
            if degrades:
                late.append(patient.until("degraded"))
            patient.pace(seconds, during)
            grown.append((_memory() - between) - (between - before))
    patient.until("live")
    p99, rate, cpu = (_percent(during, without, of) for of in (Pace.p99, Pace.rate, Pace.each))
    return Cost(p99, -rate, cpu, max(grown), max(late))


def _percent(one: Pace, other: Pace, of: Callable[[Pace], float]) -> float:
    return 100 * (of(one) / of(other) - 1)


def _memory() -> float:
    """Megabytes that this process has in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


__all__ = ["HARMS", "Cost", "Pace", "Patient", "measure"]
