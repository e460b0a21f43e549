"""Readers in processes of their own, and agents whose thoughts they wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from retinue.bus.envelope import Envelope, Event
from retinue.bus.journal import MemoryStore
from retinue.bus.journal.sqlite import SqliteStore
from retinue.kernel import Kernel
from retinue.plugins import AgentSpec, Context, agent, tool

REFERENCES = Path(__file__).resolve().parent / "references"
MARK = "@@"
"""In every message that is measured, and in no other."""
WAIT = 120.0


class Ages(NamedTuple):
    """How old messages were when they were read, in ms."""

    p50: float
    p99: float


def ages(sent: Sequence[int], read: Sequence[int]) -> Ages:
    """Of the messages in their order; moments are ``monotonic_ns``, one clock for the machine."""
    found = sorted((there - here) / 1e6 for here, there in zip(sent, read, strict=True))
    return Ages(found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)])


def middle(rounds: Iterable[Ages]) -> Ages:
    """The medians over rounds."""
    p50, p99 = zip(*rounds, strict=True)
    return Ages(median(p50), median(p99))


class Place(NamedTuple):
    """What ``references/listener.py`` reads: a kind, the name there, and the mark of a message."""

    kind: str
    name: str
    mark: str = MARK


def read_by(place: Place, url: str, count: int, emit: Callable[[], object]) -> list[int]:
    """When each of the ``count`` messages that ``emit`` makes was there, in another process."""
    with listening(place, url, count) as finish:
        emit()
        return finish()


@contextmanager
def listening(place: Place, url: str, count: int) -> Iterator[Callable[[], list[int]]]:
    """A listener that is subscribed; gives what waits for its end, and returns the moments."""
    arguments = [place.kind, url, place.name, str(count), place.mark]
    with child("listener.py", *arguments) as process:

        def finish() -> list[int]:
            said, _ = process.communicate(timeout=WAIT)
            return list(map(int, said.split()))

        yield finish


@contextmanager
def child(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One of the ``references``, once it has said that it is ready; it is ended in the end."""
    command = [sys.executable, str(REFERENCES / script), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{script} did not start")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Commits:
    """When each of the marked events was given to the store, and when it was committed."""

    def __init__(self) -> None:
        """None so far."""
        self.begun: list[int] = []
        self.ended: list[int] = []

    def clear(self) -> None:
        """Begin anew."""
        self.begun.clear()
        self.ended.clear()

    def around(
        self, append: Callable[[Sequence[Envelope]], Sequence[Event]], envelopes: Sequence[Envelope]
    ) -> Sequence[Event]:
        """Append, and note when that was."""
        begun = time.monotonic_ns()
        events = append(envelopes)
        ended = time.monotonic_ns()
        marked = sum(e.type in _TYPES and _MARKED in e.body for e in envelopes)
        self.begun += [begun] * marked
        self.ended += [ended] * marked
        return events


class TimedMemory(MemoryStore):
    """The journal in memory."""

    def __init__(self, commits: Commits) -> None:
        """``commits`` is told."""
        super().__init__()
        self._commits = commits

    def append(self, envelopes: Sequence[Envelope]) -> Sequence[Event]:
        """As ever."""
        return self._commits.around(super().append, envelopes)


class TimedSqlite(SqliteStore):
    """The journal on the disk, with FULL."""

    def __init__(self, commits: Commits, path: Path) -> None:
        """``commits`` is told."""
        super().__init__(path)
        self._commits = commits

    def append(self, envelopes: Sequence[Envelope]) -> Sequence[Event]:
        """As ever."""
        return self._commits.around(super().append, envelopes)


class Emission:
    """An agent that thinks aloud, and one that calls a tool, at a pace."""

    def __init__(self, kernel: Kernel) -> None:
        """``kernel`` has started."""
        self.emitted: list[int] = []
        self._kernel = kernel
        kernel.spawn("thinks", self._thinking())
        kernel.spawn("calls", self._calling())

    def think(self, count: int, pace: float) -> None:
        """So many thoughts, ``pace`` seconds between two; returns when all were had."""
        self._do("thinks", count, pace)

    def call(self, count: int, pace: float) -> None:
        """So many calls of a tool."""
        self._do("calls", count, pace)

    def _do(self, name: str, count: int, pace: float) -> None:
        self.emitted.clear()
        self._kernel.submit(name, {"count": count, "pace": pace}).result(timeout=WAIT)

    def _thinking(self) -> AgentSpec:
        @agent
        async def thinks(ctx: Context, count: int, pace: float) -> None:
            async for number in paced(count, pace):
                self.emitted.append(time.monotonic_ns())
                ctx.thought(f"{MARK}{number}")

        return thinks

    def _calling(self) -> AgentSpec:
        @agent(tools=[look_up])
        async def calls(ctx: Context, count: int, pace: float) -> None:
            async for number in paced(count, pace):
                self.emitted.append(time.monotonic_ns())
                await ctx.call(look_up, word=f"{MARK}{number}")

        return calls


@tool
async def look_up(word: str) -> str:
    """What is called."""
    return word.strip("@")


async def paced(count: int, pace: float) -> AsyncIterator[int]:
    """Numbers at their times; those that are late come at once."""
    begun = time.monotonic()
    for number in range(count):
        left = begun + number * pace - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        yield number


_TYPES = frozenset({"agent.thought", "tool.called"})
_MARKED = MARK.encode()
