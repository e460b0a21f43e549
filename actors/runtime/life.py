"""An actor's life around its messages: start, failure, restart, pause, end.

Each step is a coroutine, so that the hooks may be ``async`` too; the cell drives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from retinue.bus.errors import ActorDead, MailboxFull

from ..supervision import Failures, Supervision, decide_alone
from .entries import Order, Pause, Request, Start, Stop
from .errors import DeadActor, shown
from .future import VALUE, Future
from .letters import DeadLetter
from .mailbox import NOTHING, Inbox, Mailbox
from .verdicts import ChildFailed, Down, Recipe, Verdict, start_failed
from .watch import NEVER, Watch

__all__ = ["Life"]


class Life(Inbox):
    """What an actor is beside its mailbox. Its own thread changes it, unless said otherwise."""

    __slots__ = (
        "__weakref__", "actor", "busy", "coro", "dead_lettered", "end_reason", "entry", "failed",
        "failures", "given_name", "handled", "killed", "ready", "recipe", "ref", "restarts",
        "runner", "scheduled", "serial", "since", "state", "supervision", "system", "verdict",
        "waiting", "watched_until", "watchers",
    )  # fmt: skip

    def __init__(self, system: Any, runner: Any, recipe: Recipe, mailbox: Mailbox) -> None:
        """``recipe`` is the class and its arguments: what a restart builds the actor from."""
        super().__init__(mailbox)
        self.system = system
        self.runner = runner
        self.ready: Callable[[Any], None] = runner.put
        self.recipe = recipe
        self.actor: Any = None
        self.ref: Any = None
        self.serial = 0
        self.given_name: str | None = None
        self.state = "running"
        # Up until the first ``rest``: what is told in ``__init__`` waits until there is an actor.
        self.scheduled = True
        self.supervision: Any = None
        self.failures: Failures | None = None
        self.verdict: Future[Verdict] | None = None
        self.watchers: list[Callable[[Down], object]] | None = None
        self.end_reason: Down | None = None
        self.killed = False
        self.coro: Any = None
        self.waiting: Future[Any] | None = None
        self.watched_until = NEVER
        self.entry: Any = NOTHING
        self.since = 0.0
        self.busy = 0.0
        self.handled = 0
        self.failed = 0
        self.dead_lettered = 0
        self.restarts = 0

    @property
    def name(self) -> str:
        """The name given, or the class's name and a number."""
        return self.given_name or f"{self.recipe[0].__name__}-{self.serial}"

    def build(self) -> None:
        """Make the instance, on the thread that calls; ``__init__`` already has its ref."""
        cls, args, kwargs = self.recipe
        actor = cls.__new__(cls, *args, **kwargs)
        actor.actor_cell = self
        actor.__init__(*args, **kwargs)
        self.actor = actor

    def rest(self) -> None:
        """End a turn: be made ready again by the next message, or now when one is there already."""
        self.scheduled = False
        if self.queue or self.urgent:
            self.scheduled = True
            self.ready(self)

    async def start(self, order: Start) -> None:
        """Run ``on_start`` and acknowledge; a failure ends the actor."""
        self.state = "starting"
        error = await self._attempt(self.actor.on_start)
        if error is None:
            self.state = "running"
            order.future.settle(VALUE, self.ref)
            return
        self.end("failed to start", error)
        order.future.fail(start_failed(self.name, error))

    async def recover(self, error: BaseException, message: Any) -> None:
        """After a failure: tell, ask what to do, and do it."""
        self.state = "restarting"
        self.system.report(self.ref, error, message)
        hook = self.actor.on_failure
        self._contain(await self._attempt(hook, type(error), error, error.__traceback__))
        await self._carry_out(await self._ask_supervision(error), error)

    async def pause(self, order: Pause) -> None:
        """End this instance, and wait for the supervisor to have it restarted or ended."""
        self.state = "paused"
        self._contain(await self._attempt(self.actor.on_stop))
        verdict = self.verdict = Future()
        order.future.settle(VALUE, True)
        await self._carry_out(await verdict, None)

    async def stop(self, order: Stop) -> None:
        """Run ``on_stop`` and end."""
        self.state = "stopping"
        self._contain(await self._attempt(self.actor.on_stop))
        self.end("stopped", None)
        self.confirm(order)

    def end(self, reason: str, error: BaseException | None) -> None:
        """Close the mailbox for good: what is in it becomes dead letters, watchers are told."""
        self.close()
        self.state = "stopped"
        self.end_reason = Down(self.ref, reason, error)
        self.ready = type(self).bury
        self.bury()
        self.system.forget(self)
        self._tell_watchers(self.end_reason)
        self.actor = None
        self.runner.leave()

    def confirm(self, order: Order) -> None:
        """Answer whoever ordered the end; only then nobody waits for the last actor's timers."""
        order.future.settle(VALUE, True)
        self.system.rest()

    def never_lived(self, error: BaseException) -> None:
        """Close the mailbox of an actor whose ``__init__`` raised; it has no thread yet."""
        self.close()
        self.state = "stopped"
        self.end_reason = Down(self.ref, "failed to start", error)
        self.ready = type(self).bury
        self.bury()

    def displace(self, entry: Any) -> None:
        """Make an entry that had to leave for a newer one a dead letter. Any thread."""
        message = entry.message if isinstance(entry, Request) else entry
        self.lose(message, "dropped: the mailbox was full")
        if isinstance(entry, Request):
            entry.future.fail(MailboxFull(f"{self.name} dropped the message for a newer one"))

    def bury(self) -> None:
        """Give up what an ended actor's mailbox holds; any thread.

        ``scheduled`` goes down before the mailbox is emptied: a sender that saw it up had put its
        message in before, one that sees it down calls this itself.
        """
        self.scheduled = False
        while (entry := self.drain()) is not NOTHING:
            self.give_up(entry, self.reason())

    def reason(self) -> str:
        """Why the actor ended, for people."""
        return "stopped" if self.end_reason is None else self.end_reason.reason

    def give_up(self, entry: Any, reason: str) -> None:
        """Make an entry a dead letter; whoever waits for it gets ``ActorDead``. Any thread."""
        if isinstance(entry, Order):
            self._give_up_order(entry)
            return
        message = entry.message if isinstance(entry, Request) else entry
        with self.lock:
            self.dead_lettered += 1
        self.lose(message, reason)
        if isinstance(entry, Request):
            entry.future.fail(self.dead())

    def lose(self, message: Any, reason: str) -> None:
        """Record a dead letter."""
        letter = DeadLetter(message, self.name, reason, self.system.clock.time())
        self.system.dead_letter(letter)

    def dead(self) -> DeadActor:
        """The error for one who speaks to the actor after its end."""
        return DeadActor(
            f"{self.name} has stopped ({self.reason()}): its messages are dead letters; "
            "start it again, or look its name up anew"
        )

    def wake(self) -> None:
        """Have the runner look at what the cell waits for; any thread."""
        self.ready(self)

    def expect_by(self, deadline: float) -> None:
        """Have what the actor waits for expire at ``deadline``."""
        if deadline < self.watched_until:
            self.watched_until = deadline
            self.system.timers.add(deadline, Watch(self, deadline))

    def watch(self, watcher: Callable[[Down], object]) -> None:
        """Call ``watcher`` once, at the end, or now when that was before. Any thread."""
        with self.lock:
            if self.end_reason is None:
                self.watchers = [*(self.watchers or ()), watcher]
                return
        watcher(self.end_reason)

    def unwatch(self, watcher: Callable[[Down], object]) -> bool:
        """Forget ``watcher``; False when it was called, or was never there. Any thread."""
        with self.lock:
            if not self.watchers or watcher not in self.watchers:
                return False
            self.watchers = [other for other in self.watchers if other != watcher]
            return True

    async def _carry_out(self, verdict: Verdict, error: BaseException | None) -> None:
        while verdict.delay is not None:
            error = await self._reborn(verdict.delay)
            verdict.tried.settle(VALUE, error is None)
            if error is None:
                self.state = "running"
                return
            self.system.report(self.ref, error, NOTHING)
            verdict = await self._ask_supervision(error)
        self.end("stopped" if error is None else f"failed: {shown(error)}", error)
        verdict.tried.settle(VALUE, False)

    async def _ask_supervision(self, error: BaseException) -> Verdict:
        supervision = self.supervision
        if isinstance(supervision, Supervision):
            past, now = self.failures or Failures(), self.system.monotonic()
            chance = self.system.chance()
            self.failures, delay = decide_alone(supervision, past, now, chance)
            return Verdict(delay)
        self.verdict = Future()
        self._answer_pauses()
        try:
            supervision.tell(ChildFailed(self.ref, error), control=True)
        except ActorDead:
            return Verdict(None)
        return await self.verdict

    def _answer_pauses(self) -> None:
        # Asked for while it was running, fulfilled by its failure: it waits for a verdict as it is.
        for order in (self.urgent or deque()).copy():
            if isinstance(order, Pause):
                order.future.settle(VALUE, True)

    async def _reborn(self, delay: float) -> BaseException | None:
        if delay > 0:
            await self.system.sleep(delay)
        self.restarts += 1
        try:
            self.build()
        except BaseException as error:  # noqa: BLE001 - a constructor may raise anything
            return error
        return await self._attempt(self.actor.on_start)

    async def _attempt(self, hook: Callable[..., Any], *args: Any) -> BaseException | None:
        try:
            result = hook(*args)
            if result.__class__ is CoroutineType:
                await result
        except BaseException as error:  # noqa: BLE001 - a hook may raise anything
            return error
        return None

    def _contain(self, error: BaseException | None) -> None:
        if error is not None:
            self.system.report(self.ref, error, NOTHING)

    def _tell_watchers(self, down: Down) -> None:
        with self.lock:
            watchers, self.watchers = self.watchers or [], None
        for watcher in watchers:
            try:
                watcher(down)
            except BaseException as error:  # noqa: BLE001 - a watcher's fault is not the actor's
                self.system.report(self.ref, error, down)

    def _give_up_order(self, order: Order) -> None:
        if isinstance(order, Start):
            order.future.fail(start_failed(self.name, self.dead()))
        else:
            order.future.settle(VALUE, True)
