"""No way out: what runs again must not reach anything that is not in the record."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from retinue.bus.errors import Unavailable

__all__ = ["offline"]

REFUSED = (
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
)

_offline: ContextVar[bool] = ContextVar("offline", default=False)


@contextmanager
def offline() -> Iterator[None]:
    """Within it this thread, and threads with a copy of its context, get no network and no process.

    What tries gets ``Unavailable``. The first use adds an audit hook to the interpreter, which
    cannot be taken out again; outside of the block it lets everything pass.
    """
    _watch()
    before = _offline.set(True)
    try:
        yield
    finally:
        _offline.reset(before)


@cache
def _watch() -> None:
    sys.addaudithook(_refuse)


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event in REFUSED and _offline.get():
        raise Unavailable(
            f"a replay has no network and starts no process, and its code asked for {event}: "
            "let a tool do that, whose answers are recorded"
        )
