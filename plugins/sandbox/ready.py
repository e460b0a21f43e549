"""Waiting for descriptors of any number: ``select`` takes none from 1024 on, and each plugin has several."""

from __future__ import annotations

import math
import select
from collections.abc import Iterable

__all__ = ["ready"]

_ENDED = select.POLLHUP | select.POLLERR | select.POLLNVAL


def ready(
    readers: Iterable[int], seconds: float, writers: Iterable[int] = ()
) -> tuple[set[int], set[int]]:
    """Those that can be read and those that can be written, once there is one; none after ``seconds``.

    One whose other side is gone counts as both, of what it was asked for.
    """
    wanted = dict.fromkeys(readers, select.POLLIN)
    for descriptor in writers:
        wanted[descriptor] = wanted.get(descriptor, 0) | select.POLLOUT
    poll = select.poll()
    for descriptor, events in wanted.items():
        poll.register(descriptor, events)
    found = poll.poll(math.ceil(max(0.0, seconds) * 1e3))

    def having(event: int) -> set[int]:
        return {fd for fd, seen in found if wanted[fd] & event and seen & (event | _ENDED)}

    return having(select.POLLIN), having(select.POLLOUT)
