"""One agents' loop and the turns that live on it, as long as that loop can be trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from threading import Lock
from typing import Any, Protocol

from retinue.bus.clock import Clock, SystemClock

from .executor import Outcome, Report, Turn
from .loop import LoopThread
from .straggler import Straggler
from .strike import Strike, strike

__all__ = ["Home", "Tenant", "adopting", "current"]

current: ContextVar[Tenant | None] = ContextVar("current", default=None)
"""The turn whose code is running; tasks that an agent starts inherit it."""


class Tenant(Protocol):
    """What lives on the loop: a turn, or a coroutine that another thread waits for."""

    agent: str
    task_id: str
    root: asyncio.Task[None] | None
    children: set[asyncio.Task[Any]]

    def settle(self, outcome: Outcome) -> None:
        """End it with ``outcome``, unless it has ended. Any thread."""

    def settle_as_told(self) -> None:
        """End it the way it was told to. Any thread."""

    def move(self, home: Home, done: Callable[[Outcome], None]) -> None:
        """Begin in another home; it has not begun here."""

    def dismiss(self, outcome: Outcome) -> None:
        """The loop ends: let its cancellation lead to ``outcome``. Any thread."""


class Home:
    """A ``LoopThread`` and its tenants.

    ``live`` maps each tenant to what is called when it ends; taking it out of there, which
    is atomic, is the right to call it. That is how an outcome is reported exactly once,
    whoever comes first: the turn, its grace, a dead loop, or the kernel's end. ``told``
    holds those that were told to stop, and when ``check`` first saw it, until they really end.
    ``fresh`` holds those that have not begun: who takes one out of there may run it, the loop
    or, when that is lost, whoever moves it to another.
    """

    clock: Clock = SystemClock()

    def __init__(
        self,
        name: str,
        report: Report,
        lost: Callable[[Home], None],
        *,
        first: bool,
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """``first``: no loop was lost before this one, so that agents' instances are sound."""
        self.live: dict[Tenant, Callable[[Outcome], None]] = {}
        self.fresh: set[Tenant] = set()
        self.lock = Lock()  # a tenant is made a task of by one home at a time
        self.told: dict[Tenant, float | None] = {}
        self._instances: dict[Any, Any] | None = None if first else {}
        self._report = report
        self._lost = lost
        self.clock = clock
        self.thread = LoopThread(name, self._escaped, clock)
        loop = self.thread.loop
        self.straggler = Straggler(self.thread.thread, lambda: asyncio.current_task(loop))
        """What is done about it once it is lost, or has to end."""
        self.thread.loop.set_task_factory(adopting)  # type: ignore[arg-type]
        self.thread.loop.set_exception_handler(self._loose_end)

    def add(self, tenant: Tenant, done: Callable[[Outcome], None]) -> None:
        """A tenant to come. Any thread."""
        self.live[tenant] = done
        self.fresh.add(tenant)

    def claim(self, tenant: Tenant) -> bool:
        """Whether the caller is the one to run the tenant, which nobody else is from now on."""
        try:
            self.fresh.remove(tenant)
        except KeyError:
            return False
        return tenant in self.live

    def move_fresh(self, home: Home) -> None:
        """Let what has not begun here begin there. Any thread."""
        with self.lock:
            for tenant in list(self.fresh):
                if self.claim(tenant) and (done := self.live.pop(tenant, None)) is not None:
                    tenant.move(home, done)

    def instance(self, turn: Turn) -> Any:
        """The agent's instance for this home.

        One that has lived on a lost loop may hold a lock there, or a connection of that loop.
        """
        if self._instances is None:
            return turn.runner
        if turn.runner not in self._instances:
            self._instances[turn.runner] = turn.spec.instance()
        return self._instances[turn.runner]

    def give_up(self, runner: Any) -> Any:
        """What became of ``runner`` here, which is not needed any more."""
        return runner if self._instances is None else self._instances.pop(runner, None)

    def owner(self, task: asyncio.Task[Any]) -> Tenant | None:
        """Whose code ``task`` is."""
        for tenant in [*self.live, *self.told]:
            if tenant.root is task or task in tenant.children:
                return tenant
        return None

    def force_the_told(self, now: float, grace: float) -> None:
        """End those that had their time, even when their loop has not come to them."""
        for tenant, since in list(self.told.items()):
            if tenant not in self.live and (tenant.root is None or tenant.root.done()):
                del self.told[tenant]
            elif since is None:
                self.told[tenant] = now
            elif now - since > grace:
                tenant.settle_as_told()

    def say(self, agent: str, text: str) -> None:
        """For the log."""
        self._report(agent, text)

    def strike(self, task: asyncio.Task[Any] | None) -> None:
        """Raise ``Strike`` into the loop's thread if it is at ``task``. Any other thread."""
        if asyncio.current_task(self.thread.loop) is task:
            strike(self.thread.ident)

    def leave(self, outcome: Outcome) -> None:
        """Cancel everything, each with ``outcome``, and let the thread end. Does not wait."""
        for tenant in list(self.live):
            tenant.dismiss(outcome)
        self.thread.stop()

    def settle_all(self, outcome: Outcome) -> None:
        """End what has not ended by itself, as far as anyone who waits is concerned."""
        for tenant in list(self.live):
            tenant.settle(outcome)

    def _escaped(self, error: BaseException) -> None:
        if isinstance(error, Strike):  # it missed its turn: a wake-up may be lost with it
            self._lost(self)
        else:
            self._report("", f"{type(error).__name__} got out of a task and was contained")

    def _loose_end(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        tenant = current.get()
        error = context.get("exception")
        said = f"{type(error).__name__}: {error}" if error else ""
        self._report(tenant.agent if tenant else "", f"{context.get('message')} {said}".strip())


def adopting(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """Make a task that an agent asked for, and remember whose it is, so that it ends with it."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    tenant = current.get()
    if tenant is not None:
        tenant.children.add(task)
        task.add_done_callback(tenant.children.discard)
    return task
