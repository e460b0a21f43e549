"""``ToolContext``: what a tool gets to know of its call, and whom it may ask."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import PluginError

from .hostside import (
    Asker,
    Files,
    HostPort,
    Http,
    KernelSide,
    Memory,
    OtherTools,
    Secrets,
    waited,
)

__all__ = ["ToolContext"]

T = TypeVar("T")


class ToolContext:
    """What a tool that asks for ``ctx`` gets: a way to tell how far it is, and its limits.

    Any thread may use it. An async tool that is cancelled gets ``CancelledError``; a plain one
    has to look at ``cancelled`` now and then.
    """

    def __init__(
        self,
        progress: Callable[[float, float, str], None] = lambda *_: None,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
        clock: Clock | None = None,
        effect: str = "",
        stream: Callable[[Any], None] = lambda _: None,
        host: HostPort | None = None,
        *,
        run: str = "",
        task: str = "",
        agent: str = "",
        via: tuple[str, ...] = (),
        rule: str = "",
    ) -> None:
        """``deadline`` is in seconds since the epoch, by ``clock``."""
        self.effect = effect
        """The id of this effect, for a ``once`` tool: the same in every attempt at the task.

        Pass it on as an idempotency key where the other side takes one.
        """
        self._progress = progress
        self._cancelled = cancelled
        self._clock = clock or SystemClock()
        self.run, self.task, self.agent = run, task, agent
        """Whom the call is made for; empty where an operator makes it, or the tool is a stranger's."""
        self.via = via
        """The plugins through which it came, the outermost first."""
        self.rule = rule
        """The rule of the operator's policy by which it was allowed; empty without a policy."""
        self._stream = stream
        self._host = host
        self._asker = Asker(lambda: self.host)
        self.deadline = deadline

    def progress(self, done: float, total: float = 0.0, note: str = "") -> None:
        """Say that ``done`` of ``total`` is done (0: unknown); never blocks."""
        self._progress(done, total, note)

    def stream(self, value: Any) -> None:
        """Give a piece of the output before the end, as a JSON value; observers see it at once."""
        self._stream(value)

    @property
    def host(self) -> HostPort:
        """Who is asked for what the plugin was granted; raises ``PluginError`` where there is none."""
        if self._host is None:
            raise PluginError(
                "this tool has no host to ask: it runs inside the kernel, and its plugin was given no "
                "permissions"
            )
        return self._host

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """In a plain tool, where an async one awaits: ``ctx.wait(ctx.files.read(path))``."""
        return waited(work)

    @property
    def files(self) -> Files:
        """Files within what was granted."""
        return Files(self._asker)

    @property
    def http(self) -> Http:
        """Fetches from hosts that were granted."""
        return Http(self._asker)

    @property
    def secret(self) -> Secrets:
        """Secrets that the host uses for the plugin."""
        return Secrets(self._asker)

    @property
    def kernel(self) -> KernelSide:
        """Tasks for agents."""
        return KernelSide(self._asker)

    @property
    def tools(self) -> OtherTools:
        """Tools of other plugins."""
        return OtherTools(self._asker)

    @property
    def memory(self) -> Memory:
        """Notes that last."""
        return Memory(self._asker)

    def with_host(self, host: HostPort) -> ToolContext:
        """The same call with another host to ask."""
        other = copy.copy(self)
        other._lend(host)  # noqa: SLF001 - a copy of ours
        return other

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more."""
        return self._cancelled()

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline, not below 0; ``None`` without one."""
        return None if self.deadline is None else max(0.0, self.deadline - self._clock.time())

    def _lend(self, host: HostPort) -> None:
        self._host = host
        self._asker = Asker(lambda: host)
