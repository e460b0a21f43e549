"""Retention: lets the oldest events go, a little at a time, and nothing that still matters with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from retinue.bus.errors import RetinueError
from retinue.bus.journal.checkpoints import Checkpoint, newest, parts_of
from retinue.bus.journal.retention import Cuttable, decide, eased
from retinue.bus.messages import EventBody

from .condensed import Condensed
from .journal import Cut, JournalHealth, Vacuum
from .keeping import STATE, Policy, Record, Trimmed, holders, is_worth_it, spare_pages, told
from .orchestrator import Forget
from .runtime import ActorRef, Future, ThreadActor
from .runtime.future import VALUE
from .scribe import Scribe

__all__ = ["Keeper", "Trim"]

ROUND = 200_000
"""Events that one checkpoint lets go at most."""
SLICE = 500
"""Events that are looked at, or runs that are forgotten, in one step."""
BUDGET = 1_000
"""Events removed in one step on the journal's thread."""
PAGES = 128
"""Pages given back in one step, a megabyte."""
PATIENCE = 5.0
"""Seconds until a commit of our own has to be through."""

Steps = Generator[None, None, "Trimmed"]


class Trim(msgspec.Struct, frozen=True):
    """Asks to cut now; answered with ``Trimmed`` once that is done."""


class _Tick(msgspec.Struct, frozen=True):
    """It is time to look."""


class _Step(msgspec.Struct, frozen=True):
    """Go on with what is under way."""


class Keeper(ThreadActor):
    """Reads and folds on a thread of its own; what it writes and removes goes to the journal's actor.

    A round: how far the bounds ask to cut; who holds that back; a checkpoint of what still matters up
    to there, committed; then the table forgets, and only then events go. Killed anywhere in between,
    the next start finds the events, or the whole checkpoint that stands for them.
    """

    def __init__(
        self,
        store: Cuttable,
        scribe: Scribe,
        journal: ActorRef[Any],
        orchestrator: Callable[[], ActorRef[Any]],
        live: Callable[[], Collection[str]],
        policy: Policy,
        health: JournalHealth,
        record: Record,
        after: Callable[[float, ActorRef[Any], Any], Any],
    ) -> None:
        """``live`` gives the runs that are open, and those that they go on from; any thread may ask."""
        super().__init__()
        self._store = store
        self._scribe = scribe
        self._journal = journal
        self._orchestrator = orchestrator
        self._live = live
        self._policy = policy
        self._health = health
        self._record = record
        self._after = after
        self._under_way: Steps | None = None
        self._asking: list[Future[Trimmed]] = []
        self._waiting: list[Future[Trimmed]] = []
        self._to_forget: dict[str, tuple[str, ...]] = {}

    def on_start(self) -> None:
        """Begin to look, if there is a bound."""
        if self._policy.bounds.any:
            self._after(self._policy.every, self.actor_ref, _Tick())

    def on_receive(self, message: Trim | _Tick | _Step) -> Any:
        """Begin a round, or do its next step."""
        if isinstance(message, _Step):
            self._step()
            return None
        if isinstance(message, Trim):
            reply = self.defer()
            self._asking.append(reply)
            if self._under_way is None:
                self._begin()
            return reply
        self._after(self._policy.every, self.actor_ref, _Tick())
        if self._under_way is None and not self._health.trouble:
            self._begin()
        return None

    def _begin(self) -> None:
        """A round answers those who asked before it began: it goes by what there was then."""
        self._waiting += self._asking
        self._asking = []
        self._under_way = self._round()
        self.actor_ref.tell(_Step())

    def _step(self) -> None:
        steps = self._under_way
        if steps is None:
            return
        try:
            next(steps)
        except StopIteration as end:
            self._done(end.value)
        except Exception as error:
            ours = not isinstance(error, RetinueError)
            if ours:
                self._waiting, self._asking = self._waiting + self._asking, []
            self._gave_up(error)  # the events are still there, and so is the next look
            if ours:
                raise
        else:
            self.actor_ref.tell(_Step())

    def _done(self, trimmed: Trimmed) -> None:
        self._under_way = None
        replies = self._replies()
        news = trimmed.removed or holders(trimmed) not in ((), holders(self._record.last))
        self._record.last, self._record.trouble = trimmed, ""
        said = [self._scribe.write(told(trimmed))] if news else []
        self._scribe.append(said, lambda _: _settle(replies, trimmed))
        if trimmed.more or self._asking:
            self._begin()

    def _gave_up(self, error: Exception) -> None:
        self._under_way = None
        self._record.trouble = str(error) or type(error).__name__
        for reply in self._replies():
            reply.fail(error)
        if self._asking:
            self._begin()

    def _replies(self) -> list[Future[Trimmed]]:
        waiting, self._waiting = self._waiting, []
        return waiting

    # ------------------------------------------------------------------ a round, step by step

    def _round(self) -> Steps:
        store, bounds = self._store, self._policy.bounds
        now = self._scribe.clock.time()
        if store.wanted(bounds, now) < store.first:
            yield from self._compacted()
            return Trimmed(store.first)
        wanted = store.wanted(eased(bounds), now)
        target = min(wanted, store.first - 1 + ROUND)
        holds = store.holds(target, self._live())
        yield
        cut, held, passed = decide(target, holds, pass_holds=self._policy.holds == "pass")
        cut = store.boundary(cut)
        base = newest(store)
        yield
        if cut < store.first:
            return Trimmed(store.first, 0, tuple(held))
        if not is_worth_it(store, cut, base):
            return Trimmed(store.first, 0, (*held, STATE))
        letters = 0
        if base is None or base.until < cut:
            letters = yield from self._checkpoint(cut, base)
        yield from self._forgotten()
        removed = yield from self._removed(cut)
        yield from self._compacted()
        more = not held and target < wanted
        return Trimmed(store.first, removed, tuple(held), tuple(passed), cut, letters, more)

    def _checkpoint(self, cut: int, base: Checkpoint | None) -> Generator[None, None, int]:
        """Write down what still matters of the events up to ``cut``; returns the letters given up."""
        condensed = Condensed(base)
        events = self._store.read(condensed.until)
        while condensed.until < cut:
            for event in islice(events, min(SLICE, cut - condensed.until)):
                condensed.take(event)
            yield
        for body in parts_of(
            self._scribe.ids.make("checkpoint"),
            cut,
            condensed.events(),
            condensed.counts(),
            condensed.given_up,
        ):
            self._commit(body)
            yield
        self._to_forget.update(condensed.forgotten())
        return condensed.given_up - (0 if base is None else base.letters)

    def _forgotten(self) -> Iterator[None]:
        """Before their events go: nobody may find a task and then not its end."""
        while self._to_forget:
            some = dict(islice(self._to_forget.items(), SLICE))
            self._orchestrator().ask(Forget(some), timeout=PATIENCE)
            for run in some:
                del self._to_forget[run]
            yield

    def _removed(self, cut: int) -> Generator[None, None, int]:
        removed = 0
        while some := self._journal.ask(Cut(cut, BUDGET), timeout=PATIENCE):
            removed += some
            yield
        return removed

    def _compacted(self) -> Iterator[None]:
        """Give back what is free beyond what the next events will take."""
        spare = spare_pages(self._store.pages())
        if spare <= 0:
            return
        while spare > 0:
            self._journal.ask(Vacuum(min(PAGES, spare)), timeout=PATIENCE)
            spare -= PAGES
            yield
        self._store.write_back()

    def _commit(self, body: EventBody) -> None:
        committed: Future[None] = Future()
        self._scribe.append([self._scribe.write(body)], lambda _: committed.settle(VALUE, None))
        committed.get(timeout=PATIENCE)


def _settle(replies: Iterable[Future[Trimmed]], trimmed: Trimmed) -> None:
    for reply in replies:
        reply.settle(VALUE, trimmed)
