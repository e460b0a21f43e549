"""One turn of an async agent on the agents' loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from retinue.bus.codec import encode_value
from retinue.plugins.context import Context

from .base_turn import BaseTurn, told
from .executor import Outcome, Turn
from .home import Home, current
from .outcomes import failure
from .strike import Strike, doing

__all__ = ["SharedTurn"]

_CLOSES = 5
_CLOSE_EVERY = 0.5


class SharedTurn(BaseTurn):
    """A ``Running``, and a ``Tenant`` of its loop. Made on any thread; then see each method."""

    __slots__ = ("_coroutine", "_grace", "_started", "_timer", "children", "home", "root")

    def __init__(self, turn: Turn, home: Home, grace: float) -> None:
        super().__init__(turn)
        self.home = home
        self.root: asyncio.Task[None] | None = None
        self.children: set[asyncio.Task[Any]] = set()
        self._grace = grace
        self._timer: asyncio.TimerHandle | None = None
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._started = False

    # Any thread

    def cancel(self, reason: str, kind: str = "Cancelled") -> None:
        """As ``Running.cancel``."""
        if self._stop is None and not self._ending:
            self._stop = told(reason, kind)
            self.home.told[self] = None
            self.home.thread.post(self._interrupt)

    def what(self) -> str:
        """As ``Running.what``."""
        thread = self.home.thread
        root = self.root
        busy = root is not None and asyncio.current_task(thread.loop) is root
        state = f"in {doing(thread.ident)}" if busy else "waiting" if root else "queued"
        return f"agent '{self.agent}', task {self.task_id}: {state}"

    def settle(self, outcome: Outcome) -> None:
        """As ``Tenant.settle``."""
        done = self.home.live.pop(self, None)
        if done is not None:
            done(outcome)

    def dismiss(self, outcome: Outcome) -> None:
        """As ``Tenant.dismiss``."""
        self._stop = self._stop or outcome

    def move(self, home: Home, done: Callable[[Outcome], None]) -> None:
        """As ``Tenant.move``."""
        self.home = home
        self.root = None
        home.add(self, done)
        home.thread.post(partial(self.begin, home))

    def settle_as_told(self) -> None:
        """As ``Tenant.settle_as_told``."""
        if self._stop is not None:
            self.settle(self._stop)

    # The kernel's watch

    def hit(self, task: asyncio.Task[Any], hung: Outcome) -> None:
        """Raise ``Strike`` into ``task``, the turn's or a child, which holds the loop's thread."""
        self._stop = self._stop or hung
        self._hit(lambda: self.home.strike(task))

    # The loop's thread

    def begin(self, home: Home) -> None:
        """Make the task, unless that home was lost and the turn has moved."""
        if self._stop is not None:
            home.fresh.discard(self)
            self.settle(self._stop)
            return
        with home.lock:
            if self in home.fresh:
                self._coroutine = self._run(home)
                # Not loop.create_task: its factory would adopt this task as somebody's child.
                self.root = asyncio.Task(self._coroutine, loop=home.thread.loop)

    async def _run(self, home: Home) -> None:
        """Whatever happens in here, one outcome comes of it."""
        if not home.claim(self):
            return
        self._started = True
        current.set(self)
        if self._turn.timeout is not None:
            self._timer = home.thread.loop.call_later(self._turn.timeout, self._expire)
        try:
            try:
                turn = self._turn
                params = turn.spec.check(turn.input)
                value = await home.instance(turn).run(Context(turn.port, home.clock), params)
                outcome = self._stop or Outcome(encode_value(value, "the agent's result"))
            except BaseException as error:  # noqa: BLE001 - SystemExit too ends here
                outcome = self._verdict(error)
            self._ending = True
            if self.struck:
                self._absorb(home.thread.ident)
        except Strike as late:  # it came between the agent's last step and here
            self._ending = True
            outcome = self._verdict(late)
        self._finish(outcome)
        # The task's context holds this turn: in a circle they would wait for the garbage collector.
        self.root = self._coroutine = None

    def _finish(self, outcome: Outcome) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for child in list(self.children):
            child.cancel()
        self.settle(outcome)

    def _expire(self) -> None:
        self.cancel(
            f"the attempt took longer than its {self._turn.timeout:g} s; "
            "give the agent a longer attempt_timeout",
            "DeadlineExceeded",
        )

    def _interrupt(self) -> None:
        """The polite way."""
        if self.root is None:  # posted before begin() ran; that one looks at _stop
            return
        if not self._started:  # a task cancelled now never enters its coroutine
            self.home.fresh.discard(self)
            self.settle_as_told()
        self.root.cancel(self._stop.cause if self._stop else None)
        self.home.thread.loop.call_later(self._grace, self._cut_off, _CLOSES)

    def _cut_off(self, tries: int) -> None:
        """Close the coroutine under its task: an agent that swallows CancelledError ends too."""
        root = self.root
        if root is None or self._coroutine is None or root.done():
            return
        self._ending = True
        if self._stop is not None:
            self._finish(self._stop)
        try:
            self._coroutine.close()
        except BaseException as error:  # noqa: BLE001 - it ignored GeneratorExit, or raised its own
            if tries:
                self.home.thread.loop.call_later(_CLOSE_EVERY, self._cut_off, tries - 1)
            else:
                self.home.say(
                    self.agent, f"a cancelled turn cannot be ended: {failure(error).cause}"
                )
            return
        # The task wakes up to a coroutine that is over, and says so to nobody.
        root.add_done_callback(_hear)
        root.cancel()


def _hear(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
