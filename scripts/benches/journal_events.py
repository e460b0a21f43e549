"""The events that the benches of the journal write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope
from retinue.bus.journal import MemoryStore
from retinue.bus.messages import TaskScheduled
from retinue.kernel import Kernel
from retinue.plugins import Context, agent

BOOT = "5x0c2k9d"
PICKED = "priority 5 with ageing 10 s, of 13 waiting"
RECORDED = 3


def envelopes(count: int, start: int = 1) -> list[Envelope]:
    """Four events a run, each as the scheduler writes it."""
    body = encode(TaskScheduled("priority", PICKED, 1, 12, 0.25))
    return [
        Envelope(
            f"e-{BOOT}-{n}",
            "task.scheduled",
            1_700_000_000.0 + n / 1e4,
            body,
            f"r-{BOOT}-{n // 4}",
            f"t-{BOOT}-{n // 4}",
            f"agent{n % 7}",
            "",
            f"e-{BOOT}-{n - 1}",
        )
        for n in range(start, start + count)
    ]


def groups(count: int, size: int) -> Iterator[list[Envelope]]:
    """``count`` events of ``envelopes``, ``size`` at a time."""
    for start in range(1, count + 1, size):
        yield envelopes(size, start)


def whole_runs(count: int, size: int) -> Iterator[list[Envelope]]:
    """Events of runs from their start to their end, ``count`` of them and the rest of a run.

    Some runs are recorded, and then told again under other ids, ``size`` events at a time.
    """
    recorded = _recorded()
    group: list[Envelope] = []
    written, number = 0, 0
    while written + len(group) < count:
        run = recorded[number % RECORDED]
        group += _told_again(run, number, written + len(group))
        number += 1
        if len(group) >= size:
            yield group[:size]
            written, group = written + size, group[size:]
    if group:
        yield group


@agent
async def shout(_: Context, text: str) -> str:
    """The agent of the recorded runs."""
    return text.upper()


def _recorded() -> list[list[Envelope]]:
    store = MemoryStore(1_000)
    with Kernel("bench-recorded", store=store) as kernel:
        kernel.spawn("shout", shout)
        runs = [kernel.submit("shout", {"text": "hello"}) for _ in range(RECORDED)]
        for handle in runs:
            handle.result(timeout=60)
        return [_of_run(store, handle.run) for handle in runs]


def _of_run(store: MemoryStore, run: str) -> list[Envelope]:
    return [event.envelope for event in store.read() if event.run == run]


def _told_again(run: Sequence[Envelope], number: int, before: int) -> list[Envelope]:
    ids = {envelope.id: f"e-{BOOT}-{n}" for n, envelope in enumerate(run, before + 1)}
    return [
        replace(
            envelope,
            id=ids[envelope.id],
            time=1_700_000_000.0 + n / 1e4,
            run=f"r-{BOOT}-{number}",
            task=f"t-{BOOT}-{number}",
            cause=ids.get(envelope.cause, ""),
        )
        for n, envelope in enumerate(run, before + 1)
    ]
