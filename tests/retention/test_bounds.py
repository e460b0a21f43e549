"""Over many tasks the file and the memory stay what the bounds say."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from retinue.bus.clock import ManualClock
from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.verify import verify
from retinue.bus.messages import (
    AgentState,
    RunStarted,
    RunSucceeded,
    TaskQueued,
    TaskRunning,
    TaskScheduled,
    TaskSubmitted,
    TaskSucceeded,
    type_of,
)
from retinue.kernel import Kernel
from retinue.kernel.config import Config, JournalConfig
from retinue.plugins import agent

START = 1_000_000_000.0
ONE = msgspec.Raw(b'{"n":1}')
BODIES = [
    (type_of(type(body)), encode(body))
    for body in (
        RunStarted(),
        TaskSubmitted(ONE),
        TaskQueued(),
        TaskScheduled("priority", "only one waiting"),
        TaskRunning(),
        AgentState(ONE),
        TaskSucceeded(ONE),
        RunSucceeded(1.0),
    )
]


@agent
async def one(ctx, n: int) -> int:
    return n


def a_tasks_worth(number, now):
    """The events of a task that went well."""
    return [
        Envelope(f"x-{number}-{kind}", kind, now, body, f"r-{number}", f"t-{number}", "one")
        for kind, body in BODIES
    ]


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kernel_on(path, clock, **journal):
    config = Config(journal=JournalConfig(**journal))
    return Kernel(config=config, store=SqliteStore(path, "NORMAL"), clock=clock)


def test_the_file_stays_bounded_over_the_events_of_50_000_tasks(tmp_path):
    clock, path = ManualClock(START), tmp_path / "journal.db"
    sizes, kept, memory = [], [], []
    with kernel_on(path, clock, max_age=1_200.0, max_events=50_000) as kernel:
        for number in range(0, 50_000, 100):
            tasks = range(number, number + 100)
            kernel.feed.store.append([e for n in tasks for e in a_tasks_worth(n, clock.time())])
            clock.advance(6.0)
            if number % 2_000 == 0:
                kernel.journal.trim()
                view = kernel.journal.view()
                sizes.append(view.bytes)
                kept.append(view.last - view.first + 1)
                memory.append(resident())
        assert kernel.last_seq > 8 * 50_000
        oldest = next(kernel.feed.store.read())
        assert clock.time() - oldest.time <= 1_200.0 + 120.0
    assert max(kept) <= 50_000
    assert max(sizes[10:]) <= 1.2 * max(sizes[5:10])
    assert max(memory) - memory[8] < 32 << 20
    report = verify(path)
    assert report.ok
    assert report.first > 300_000


def test_the_records_of_ended_tasks_go_with_their_events(tmp_path):
    known = []
    with kernel_on(tmp_path / "journal.db", ManualClock(START), max_events=2_000) as kernel:
        kernel.spawn("one", one)
        for _ in range(10):
            for task in kernel.submit_many("one", [{"n": n} for n in range(500)]):
                task.result(timeout=30)
            kernel.journal.trim()
            known.append(len(kernel.tasks(limit=1_000_000)))
        assert kernel.status().tasks["succeeded"] == 5_000
    assert max(known) <= 1_000
