"""Where the events that a question is about come from."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import attrgetter
from typing import Protocol

from retinue.bus.envelope import Event
from retinue.bus.errors import NotFound
from retinue.bus.journal import Filter
from retinue.bus.messages import TELEMETRY, TERMINAL_RUN

__all__ = ["Source", "missing", "open_runs", "relevant", "whole_run"]

ABOUT_ALL = ("kernel.*", "agent.spawned", "agent.stopped", "agent.failed", "plugin.*", "message.*")
"""What every question may need: who was there, and how the kernel was set."""

STEPS = (*ABOUT_ALL, "run.*", "task.*", "tool.*", "llm.*", "agent.*")

MANY_RUNS = 500
"""From so many open runs on, one pass over everything is cheaper than a read for each."""


class Source(Protocol):
    """The reading half of an ``EventStore``: a store, a journal file, or a daemon's stream."""

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept."""

    @property
    def last(self) -> int:
        """The newest ``seq``."""

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Events with ``seq > after``, in order; see ``EventStore.read``."""


def missing(source: Source) -> str:
    """Which events the journal no longer keeps, in words; empty when it has all."""
    first = source.first
    return f"events 1 to {first - 1} are no longer kept" if first > 1 else ""


def whole_run(source: Source, run: str) -> list[Event]:
    """All events of a run, but for what others said of it.

    Raises ``NotFound``, also when its beginning is no longer kept.
    """
    found = source.read(0, Filter(run=run))
    events = [event for event in found if event.type not in TELEMETRY]
    gone = missing(source)
    if not events:
        why = f"{gone}; " if gone else ""
        raise NotFound(f"no run {run!r} is in the journal: {why}see `retinue runs list`")
    if gone and events[0].type != "run.started":
        raise NotFound(
            f"the beginning of run {run!r} is gone: {gone}, and this needs the whole run; "
            f"`retinue log --run {run}` lists what is left"
        )
    return events


def open_runs(source: Source) -> list[str]:
    """Runs that began and have not ended, oldest first."""
    runs: dict[str, None] = {}
    for event in source.read(0, Filter(types=("run.*",))):
        if event.type in TERMINAL_RUN:
            runs.pop(event.run, None)
        else:
            runs[event.run] = None
    return list(runs)


def relevant(source: Source, run: str = "") -> Iterator[Event]:
    """What is needed to say why something in ``run`` is as it is: all that is open, and that run.

    In order, each event once. What ended in other runs is left out.
    """
    runs = {**dict.fromkeys(open_runs(source)), **({run: None} if run else {})}
    if len(runs) > MANY_RUNS:
        return source.read(0, Filter(types=STEPS))
    reads = [source.read(0, Filter(types=ABOUT_ALL))]
    reads += [source.read(0, Filter(run=one)) for one in runs]
    return _each_once(merge(*reads, key=attrgetter("seq")))


def _each_once(events: Iterator[Event]) -> Iterator[Event]:
    seen = 0
    for event in events:
        if event.seq != seen:
            seen = event.seq
            yield event
