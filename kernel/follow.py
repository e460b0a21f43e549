"""Reading a kernel's events as they come, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from retinue.actors.feed import Feed, Reader
from retinue.bus.envelope import Event
from retinue.bus.errors import DeadlineExceeded, KernelClosed
from retinue.bus.journal import Filter

__all__ = ["follow", "tail"]

HEARTBEAT = 1.0


def follow(
    feed: Feed, after: int, only: Filter, timeout: float | None, last: Callable[[Event], bool]
) -> Iterator[Event]:
    """Events up to the ``last`` one; raises when none came for ``timeout`` seconds.

    These are the machine's: who blocks here could not move a clock by hand.
    """
    reader = Reader(feed, after, only)
    try:
        while True:
            for event in reader.ready():
                yield event
                if last(event):
                    return
            if reader.ended:
                raise KernelClosed("the kernel was closed before the end of these events")
            if not reader.wait(timeout):
                raise DeadlineExceeded(f"no event came within {timeout:g} s: wait longer")
    finally:
        reader.close()


def tail(feed: Feed, after: int, only: Filter | None, *, live: bool) -> Iterator[Event | None]:
    """Events after a cursor; when ``live`` also those to come, and ``None`` once a second without."""
    reader = Reader(feed, after, only)
    try:
        while True:
            yield from reader.ready()
            if not live or reader.ended:
                return
            if not reader.wait(HEARTBEAT):
                yield None
    finally:
        reader.close()
