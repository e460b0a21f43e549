"""The durable journal beside bare sqlite3, and beside one fdatasync of the same disk."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from msgspec.structs import astuple

from retinue.actors.journal import JournalActor, JournalHealth
from retinue.actors.runtime import System
from retinue.actors.scribe import Append
from retinue.bus.envelope import Envelope, Event
from retinue.bus.journal import Filter
from retinue.bus.journal.chain import COLUMNS
from retinue.bus.journal.files import Synchronous
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.verify import verify

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GROUP = 1_000
WAIT = 120.0


def run(report: Any) -> None:
    """Every figure of the journal; ``report`` is a ``report.Report``."""
    with _folder() as folder:
        _appends(report, folder)
        _idle(report, folder)
        _million(report, folder)
        _module("journal_tasks").run(report, folder, _module)


# Appending


def _appends(report: Any, folder: Path) -> None:
    events = _module("journal_events").envelopes(20_000 if report.quick else 200_000)
    rows = [
        (seq, *astuple(e)[:3], e.body.decode(), *astuple(e)[4:]) for seq, e in enumerate(events, 1)
    ]
    for synchronous in ("NORMAL", "FULL"):
        report.compare(
            f"append in groups of 1,000, {synchronous}, through the actor, an event",
            lambda synchronous=synchronous: _through_actor(folder, events, synchronous, GROUP),
            lambda synchronous=synchronous: _bare(folder, rows, synchronous),
            at_least=0.7,
        )
    figures = [_through_actor(folder, events, "FULL", 4) for _ in range(1 if report.quick else 3)]
    report.note("append, FULL, four events a message, grouped by the actor", median(figures), "µs")


def _bare(folder: Path, rows: Sequence[tuple[Any, ...]], synchronous: Synchronous) -> float:
    """The same rows, with no chain, no index and nobody to read them."""
    with _file(folder) as path, closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        columns = ", ".join(COLUMNS)
        connection.execute(f"CREATE TABLE events (seq INTEGER PRIMARY KEY, {columns})")
        values = ", ".join("?" * (1 + len(COLUMNS)))
        insert = f"INSERT INTO events VALUES ({values})"  # noqa: S608  # question marks
        started = time.perf_counter()
        for start in range(0, len(rows), GROUP):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows[start : start + GROUP])
            connection.execute("COMMIT")
        return (time.perf_counter() - started) / len(rows) * 1e6


def _through_actor(
    folder: Path, events: Sequence[Envelope], synchronous: Synchronous, size: int
) -> float:
    groups = [events[start : start + size] for start in range(0, len(events), size)]
    with _journal(folder, synchronous) as tell:
        done = threading.Event()
        started = time.perf_counter()
        for group in groups[:-1]:
            tell(Append(group))
        tell(Append(groups[-1], lambda _: done.set()))
        _wait(done)
        return (time.perf_counter() - started) / len(events) * 1e6


# One event at a time


def _idle(report: Any, folder: Path) -> None:
    times = 200 if report.quick else 2_000
    report.progress(f"{times} events, each waited for")
    disk = _synced(folder, times)
    report.ratio(
        "one event, FULL, waiting for the commit: p50 beside one fdatasync",
        _waited(folder, times),
        disk,
        at_least=1 / 2.5,
    )


def _synced(folder: Path, times: int) -> float:
    """The median of writing a page at the end of a file and having it on the disk."""
    with _file(folder) as path:
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            return _median(times, lambda: (os.write(file, bytes(4_096)), os.fdatasync(file)))
        finally:
            os.close(file)


def _waited(folder: Path, times: int) -> float:
    events = iter(_module("journal_events").envelopes(times))
    with _journal(folder, "FULL") as tell:
        return _median(times, lambda: _commit(tell, next(events)))


def _commit(tell: Callable[[Any], object], event: Envelope) -> None:
    done = threading.Event()
    tell(Append([event], lambda _: done.set()))
    _wait(done)


# A large journal


def _million(report: Any, folder: Path) -> None:
    count = 100_000 if report.quick else 1_000_000
    with _file(folder) as path:
        report.progress(f"writing {count:,} events")
        with closing(SqliteStore(path, "NORMAL")) as store:
            for events in _module("journal_events").groups(count, GROUP):
                store.append(events)
        report.progress("replay")
        report.at_least("replay", _replayed(path, count), 300_000, "events/s")
        report.progress("verify")
        seconds, whole = _timed(lambda: verify(path))
        if not whole.ok or whole.events != count:
            raise RuntimeError(f"the journal that was just written does not verify: {whole}")
        report.at_most(f"verify of {count:,} events", seconds, 15.0, "s")
        _lookups(report, path, count)


def _replayed(path: Path, count: int) -> float:
    with closing(JournalReader(path)) as reader:
        seconds, seen = _timed(lambda: sum(1 for _ in reader.read()))
    if seen != count:
        raise RuntimeError(f"{seen} of {count} events were read")
    return count / seconds


def _lookups(report: Any, path: Path, count: int) -> None:
    run = f"r-5x0c2k9d-{count // 8}"
    filters = {
        "one run": Filter(run=run),
        "a type that is not there": Filter(types=("security.*",)),
    }
    with closing(JournalReader(path)) as reader:
        for name, only in filters.items():
            report.note(
                f"read {name} of {count:,} events",
                _median(20, lambda only=only: list(reader.read(only=only))) / 1e3,
                "ms",
            )


# Around it


def _module(name: str) -> ModuleType:
    """A file beside this one."""
    known = sys.modules.get(f"bench_{name}")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{HERE / name}.py cannot be loaded")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _journal(folder: Path, synchronous: Synchronous) -> Iterator[Callable[[Any], object]]:
    """The way to tell a JournalActor that writes a new file."""
    with (
        _file(folder) as path,
        closing(SqliteStore(path, synchronous)) as store,
        System("bench") as system,
    ):
        ref = system.start(JournalActor, store, [_ignore], JournalHealth(), system.after)
        yield ref.tell
        ref.stop()


def _ignore(events: Sequence[Event]) -> None:
    """What listens to the commits here."""


@contextmanager
def _folder() -> Iterator[Path]:
    """On the disk of this working copy: the folder for temporary files may be in memory."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-journal-", dir=build) as folder:
        yield Path(folder)


@contextmanager
def _file(folder: Path) -> Iterator[Path]:
    path = folder / "journal.db"
    try:
        yield path
    finally:
        for file in folder.iterdir():
            file.unlink()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _median(times: int, work: Callable[[], object]) -> float:
    """Microseconds of the median call."""
    return median(_timed(work)[0] for _ in range(times)) * 1e6


def _wait(event: threading.Event) -> None:
    if not event.wait(WAIT):
        raise TimeoutError(f"a bench did not end within {WAIT:g} s")
