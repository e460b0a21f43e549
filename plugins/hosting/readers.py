"""Descriptors that one loop reads, each of which may be left alone for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Readers"]


class Readers:
    """On its loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reads: dict[int, Callable[[], None]] = {}

    def add(self, descriptor: int, read: Callable[[], None]) -> None:
        """Have ``read`` called whenever there is something."""
        self._reads[descriptor] = read
        self._loop.add_reader(descriptor, read)

    def pause(
        self, descriptor: int, seconds: float, then: Callable[[], None] | None = None
    ) -> None:
        """Do not read for a while; what is not read makes the other side wait."""
        self._loop.remove_reader(descriptor)
        self._loop.call_later(seconds, self._resume, descriptor, then)

    def ignore(self, descriptor: int) -> None:
        """Do not read it any more."""
        if self._reads.pop(descriptor, None) is not None:
            self._loop.remove_reader(descriptor)

    def close(self) -> None:
        """Read nothing any more."""
        for descriptor in list(self._reads):
            self.ignore(descriptor)

    def _resume(self, descriptor: int, then: Callable[[], None] | None) -> None:
        read = self._reads.get(descriptor)
        if read is None:
            return
        self._loop.add_reader(descriptor, read)
        if then is not None:
            then()
