"""Tasks through dramatiq on Redis, with their results back; prints µs for each.

Runs in an environment of its own, which has dramatiq and not Retinue. A worker process of
dramatiq's own does the work; this one submits, so many in flight, and takes the results.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

WAIT_MS = 60_000
URL = os.environ["BENCH_REDIS_URL"]

broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def shout(text: str) -> str:
    """The task."""
    return text.upper()


def main() -> None:
    """Start a worker, warm up, measure, print, and end the worker."""
    count, in_flight = int(sys.argv[1]), int(sys.argv[2])
    here = Path(__file__)
    options = ["--path", str(here.parent), "--processes", "1", "--skip-logging"]
    worker = subprocess.Popen([sys.executable, "-m", "dramatiq", here.stem, *options])
    try:
        _work(in_flight, in_flight)
        started = time.perf_counter()
        _work(count, in_flight)
        print((time.perf_counter() - started) / count * 1e6)
    finally:
        worker.terminate()
        worker.wait(WAIT_MS / 1000)


def _work(count: int, in_flight: int) -> None:
    waiting: deque[dramatiq.Message[str]] = deque()
    for _ in range(count):
        if len(waiting) == in_flight:
            waiting.popleft().get_result(block=True, timeout=WAIT_MS)
        waiting.append(shout.send("hello"))
    for message in waiting:
        message.get_result(block=True, timeout=WAIT_MS)


if __name__ == "__main__":
    main()
