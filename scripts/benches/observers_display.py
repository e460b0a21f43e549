"""From an agent's thought to a plain reader in another process, beside a bare message of redis-py.

The reader is ``references/listener.py``: redis-py's own pub/sub, which knows nothing of Retinue.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from retinue.bus.envelope import Envelope
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.redis.client import command_client
from retinue.bus.topics import channel
from retinue.kernel import Config, Kernel
from retinue.plugins import Context, agent

LISTENER = Path(__file__).resolve().parent / "references" / "listener.py"
NAME = "bench-display"
LIVE_LOGS = "bench:live_logs"
PACE = 0.005
WAIT = 120.0


class Ages(NamedTuple):
    """How old messages were when they were read, in ms."""

    p50: float
    p99: float


def run(report: Any, url: str) -> None:
    """Every figure from emission to display; ``url`` is a server that nothing else uses."""
    count = 50 if report.quick else 2_000
    report.progress("a bare message of redis-py, one way")
    bare = _ages(url, "bench:bare", count, partial(_publish, url, count))
    report.note("a bare redis-py message to another process, p50", bare.p50, "ms")
    report.note("a bare redis-py message to another process, p99", bare.p99, "ms")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        commit = _commit(Path(folder), count)
        report.note("one commit of an event, p50", commit, "ms")
        _thoughts(report, "in memory", url, None, count, bare)
        durable = _thoughts(report, "durable", url, folder, count, bare)
    limit = 1.5 * bare.p50 + commit
    report.at_most(
        "a thought to PSUBSCRIBE, durable, p50: 1.5 bare + a commit", durable, limit, "ms"
    )


def _thoughts(
    report: Any, kind: str, url: str, state_dir: str | None, count: int, bare: Ages
) -> float:
    """To the event's own channel, and to live-logs; returns the p50 of the first."""
    found = []
    with _kernel(url, state_dir) as kernel:
        kernel.spawn("thinks", thinks)
        for place, name in _PLACES.items():
            said = f"a thought to {place}, {kind}"
            report.progress(said)
            ages = _ages(url, name, count, partial(_think, kernel, count))
            report.note(f"{said}, p50", ages.p50, "ms")
            report.note(f"{said}, p50 in bare messages", ages.p50 / bare.p50, "×")
            report.at_most(f"{said}, p99", ages.p99, 5.0, "ms")
            found.append(ages.p50)
    return found[0]


def _commit(folder: Path, count: int) -> float:
    """Milliseconds, p50, until one event is on the disk."""
    store, times = SqliteStore(folder / "commits.db"), []
    for number in range(min(count, 500)):
        body = b'{"type":"agent.thought","text":"@1234567890@"}'
        event = Envelope(f"e-{number}", "agent.thought", 1e9, body)
        started = time.perf_counter()
        store.append([event])
        times.append(time.perf_counter() - started)
        threading.Event().wait(PACE)
    store.close()
    return median(times) * 1000


_PLACES = {
    "PSUBSCRIBE": channel(NAME, "*", "agent.thought"),
    "live-logs": LIVE_LOGS,
}


@agent
async def thinks(ctx: Context, count: int) -> None:
    """So many thoughts, each with the time at which it was had."""
    for _ in range(count):
        ctx.thought(f"@{time.monotonic_ns()}@")
        await asyncio.sleep(PACE)


def _kernel(url: str, state_dir: str | None) -> Kernel:
    logs = {"enabled": True, "channel": LIVE_LOGS}
    settings = {"observers": {"dialects": {"live_logs": logs}}}
    return Kernel(NAME, url, state_dir, msgspec.convert(settings, Config))


def _think(kernel: Kernel, count: int) -> None:
    kernel.submit("thinks", {"count": count}).result(timeout=WAIT)


def _publish(url: str, count: int) -> None:
    client, pause = command_client(url), threading.Event()
    for _ in range(count):
        client.publish("bench:bare", f"@{time.monotonic_ns()}@")
        pause.wait(PACE)
    client.close()


def _ages(url: str, name: str, count: int, emit: Callable[[], None]) -> Ages:
    """What a listener in another process says of ``count`` messages that ``emit`` makes."""
    command = [sys.executable, str(LISTENER), url, name, str(count)]
    listener = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if listener.stdout is None or listener.stdout.readline() != "ready\n":
            raise RuntimeError("the listener did not start")
        emit()
        said, _ = listener.communicate(timeout=WAIT)
        p50, p99 = map(float, said.split())
    finally:
        if listener.poll() is None:
            listener.kill()
            listener.wait()
    return Ages(p50, p99)
