"""Asking the host, awaited in an async tool and waited for in a plain one."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

__all__ = ["Asker", "HostPort", "waited"]

T = TypeVar("T")
_waits: contextvars.ContextVar[bool] = contextvars.ContextVar("waits", default=False)


class HostPort(Protocol):
    """The host of a plugin's process. Each request is decided anew, for the whole chain of callers."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask, for example for ``http.fetch``; raises what was refused, and why."""

    def wait(self, method: str, params: Mapping[str, Any]) -> Any:
        """``ask`` from the thread of a plain tool, which blocks."""


class Asker:
    """One tool call's way to its host. Any thread may use it."""

    def __init__(self, host: Callable[[], HostPort]) -> None:
        """``host`` gives it, or raises where there is none."""
        self._host = host

    async def ask(self, asked: str, /, **params: Any) -> Any:
        """The host's answer; within ``waited`` the thread blocks for it."""
        host = self._host()
        return host.wait(asked, params) if _waits.get() else await host.ask(asked, params)


def waited(work: Coroutine[Any, Any, T]) -> T:
    """Do on a plain tool's thread what an async tool would await: requests to the host only."""
    token = _waits.set(True)
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    finally:
        _waits.reset(token)
        work.close()
    raise RuntimeError("ctx.wait takes what ctx.files, ctx.http and the like give: nothing else")
