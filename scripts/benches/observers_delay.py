"""From the journal, and from an agent's thought, to a reader in another process.

The reference is a bare message of redis-py to redis-py's own pub/sub. All take turns, round after
round, so that each meets the machine as the others do.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
from observers_readers import (
    MARK,
    Ages,
    Commits,
    Emission,
    Place,
    TimedMemory,
    TimedSqlite,
    ages,
    middle,
    read_by,
)

from retinue.bus.journal import EventStore
from retinue.bus.redis.client import command_client
from retinue.bus.redis.private import PrivateServer
from retinue.bus.topics import channel
from retinue.kernel import Config, Kernel
from retinue.kernel.api.server import ApiServer
from retinue.kernel.listening import listen_tcp
from retinue.kernel.unix_socket import listen

KINDS = {"in memory": "memory", "durable": "durable"}
"""Of journals, and what their kernels are called."""
SOCKET = "a WebSocket at 1,000 a second"
IDLE = 0.005
"""Seconds between two messages: each finds everybody asleep."""
BUSY = 0.001
ROUNDS, COUNT = 5, 400

Measured = dict[str, list[Ages]]
Emit = Callable[[int, float], None]


class Pace(NamedTuple):
    """So many messages, and the seconds between two."""

    count: int
    pace: float


def run(report: Any, server: PrivateServer) -> None:
    """Every figure of one way; nothing else uses ``server``."""
    url = server.url
    count = 50 if report.quick else COUNT
    found: Measured = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        plain = [stack.enter_context(Plain(url, kind, folder)) for kind in KINDS]
        speaking = [stack.enter_context(Speaking(url, kind, folder)) for kind in KINDS]
        for turn in range(1 if report.quick else ROUNDS):
            report.progress(f"one way, round {turn + 1}")
            found["bare"].append(_bare(url, count))
            for kernel in (*plain, *speaking):
                kernel.measure(found, count)
    _tell(report, {name: middle(rounds) for name, rounds in found.items()})


class Measuring:
    """A kernel whose agents think, and readers that take turns."""

    def __init__(self, url: str, kind: str, folder: str, config: Config, name: str) -> None:
        """``kind`` of journal is one of ``KINDS``."""
        self.name = f"bench-{name}-{KINDS[kind]}"
        self.url = url
        self._kind = kind
        self._commits = Commits()
        store: EventStore = TimedMemory(self._commits)
        if kind == "durable":
            store = TimedSqlite(self._commits, Path(folder) / f"{self.name}.db")
        self.kernel = Kernel(self.name, url, config=config, store=store)

    def __enter__(self) -> Self:
        self.kernel.start()
        self.emission = Emission(self.kernel)
        return self

    def __exit__(self, *_: object) -> None:
        self.kernel.close(drain=0.0)

    def read(self, found: Measured, name: str, place: Place, emit: Emit, how: Pace) -> None:
        """One round of one reader; ``name`` is what it is called."""
        self._commits.clear()
        read = read_by(place, self.url, how.count, lambda: emit(how.count, how.pace))
        emitted, commits = self.emission.emitted, self._commits
        found[f"a thought to {name}, {self._kind}"].append(ages(emitted, read))
        found[f"a commit to {name}, {self._kind}"].append(ages(commits.ended, read))
        found[f"commit, {self._kind}"].append(ages(commits.begun, commits.ended))


class Plain(Measuring):
    """As it is configured by default."""

    def __init__(self, url: str, kind: str, folder: str) -> None:
        """See ``Measuring``."""
        super().__init__(url, kind, folder, Config(), "plain")

    def measure(self, found: Measured, count: int) -> None:
        """One round of each reader."""
        places = {
            "Subscriber": Place("subscriber", self.name),
            "PSUBSCRIBE": Place("channel", channel(self.name, "*", "agent.thought")),
        }
        for name, place in places.items():
            self.read(found, name, place, self.emission.think, Pace(count, IDLE))


class Speaking(Measuring):
    """One that speaks every dialect, over Redis and over WebSockets."""

    def __init__(self, url: str, kind: str, folder: str) -> None:
        """See ``Measuring``."""
        super().__init__(url, kind, folder, _dialects(f"bench-speaking-{KINDS[kind]}"), "speaking")
        self._socket = Path(folder) / f"{self.name}.sock"

    def __enter__(self) -> Self:
        super().__enter__()
        observers, own = listen_tcp("127.0.0.1:0"), listen(self._socket)
        self._server = ApiServer(self.kernel, own, lambda _: None, observers)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        super().__exit__()

    def measure(self, found: Measured, count: int) -> None:
        """One round of each dialect."""
        logs, entries, messages = _names(self.name)
        think, call = self.emission.think, self.emission.call
        idle = Pace(count, IDLE)
        self.read(found, "live-logs", Place("channel", logs), think, idle)
        self.read(found, "orchestrator-events", Place("channel", messages), think, idle)
        self.read(found, "agent-events", Place("stream", entries, "tool_invoked"), call, idle)
        address = f"ws://{self._server.address}"
        place, busy = Place("websocket", f"{address}/ws/orchestrator"), Pace(5 * count, BUSY)
        self.read(found, SOCKET, place, think, busy)


_COMPARED = ("Subscriber", "PSUBSCRIBE")
_DIALECTS = ("live-logs", "orchestrator-events", "agent-events")


def _tell(report: Any, found: dict[str, Ages]) -> None:
    bare = found.pop("bare")
    report.note("a bare redis-py message to another process, p50", bare.p50, "ms")
    report.note("a bare redis-py message to another process, p99", bare.p99, "ms")
    for kind in KINDS:
        commit = found[f"commit, {kind}"]
        report.note(f"a commit itself, {kind}, p50", commit.p50, "ms")
        report.note(f"a commit itself, {kind}, p99", commit.p99, "ms")
        for place in _COMPARED:
            name = f"a commit to {place}, {kind}"
            report.ratio(f"{name}, p50", found[name].p50, bare.p50, at_least=0.667, unit="ms")
            report.at_most(f"{name}, p99", found[name].p99, 5.0, "ms")
            name = f"a thought to {place}, {kind}"
            limit = 1.5 * bare.p50 + commit.p50
            report.at_most(f"{name}, p50", found[name].p50, limit, "ms")
            report.at_most(f"{name}, p99", found[name].p99, 5.0, "ms")
        for place in _DIALECTS:
            name = f"a thought to {place}, {kind}"
            report.note(f"{name}, p50", found[name].p50, "ms")
            report.at_most(f"{name}, p99", found[name].p99, 100.0, "ms")
        name = f"a thought to {SOCKET}, {kind}"
        report.note(f"{name}, p50", found[name].p50, "ms")
        report.at_most(f"{name}, p99", found[name].p99, 20.0, "ms")


def _bare(url: str, count: int) -> Ages:
    client, pause, sent = command_client(url), threading.Event(), []

    def publish() -> None:
        for number in range(count):
            sent.append(time.monotonic_ns())
            client.publish("bench:bare", f"{MARK}{number}")
            pause.wait(IDLE)

    read = read_by(Place("channel", "bench:bare"), url, count, publish)
    client.close()
    return ages(sent, read)


def _names(kernel: str) -> tuple[str, str, str]:
    return f"{kernel}:live_logs", f"{{{kernel}}}:agent_events", f"{kernel}:orchestrator_events"


def _dialects(kernel: str) -> Config:
    logs, entries, messages = _names(kernel)
    dialects = {
        "live_logs": {"enabled": True, "channel": logs},
        "agent_events": {"enabled": True, "key": entries},
        "orchestrator_events": {"enabled": True, "channel": messages},
    }
    return msgspec.convert({"observers": {"dialects": dialects}}, Config)
