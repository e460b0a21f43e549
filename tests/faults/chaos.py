"""Actors that crash, stop, restart and overflow on virtual time, and the books that are kept on them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from itertools import count
from typing import Any

import msgspec

from retinue.actors.runtime import (
    ActorRef,
    DeadLetter,
    Future,
    LightActor,
    Mailbox,
    System,
    ThreadActor,
)
from retinue.actors.supervision import Backoff, Intensity, Supervision
from retinue.bus.clock import ManualClock
from retinue.bus.errors import ActorDead, DeadlineExceeded, MailboxFull, RetinueError

MAILBOXES = (
    Mailbox(),
    Mailbox(capacity=8),
    Mailbox(capacity=8, overflow="drop_oldest"),
    Mailbox(max_bytes=64),
    Mailbox(max_bytes=64, overflow="drop_oldest"),
)
MESSAGES = (
    *("ok",) * 96, *("large",) * 24, *("pass",) * 20, *("ask",) * 12, *("sleep",) * 4,
    *("fail", "exit", "interrupt", "generator") * 2, "quit",
)  # fmt: skip
CRASHES = {
    "fail": ValueError,
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
}
ACTORS = 10
BURST = 60
ROUNDS = 20_000
"""Moves of the clock, half a second each, after which a run counts as hung."""


class Said(msgspec.Struct, frozen=True):
    """A message of its own: ``number`` tells it from all others of its run."""

    what: str
    number: int
    nbytes: int = 0


class Books:
    """What was sent, from the senders' side; nothing of it comes from the runtime."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: Counter[str] = Counter()
        self.handled: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()
        self.lost: dict[int, float] = {}
        self.asks: list[Future[Any]] = []
        self._numbers = count()

    def send(self, ref: ActorRef[Any], what: str, *, ask: bool, control: bool) -> Any:
        """Tell or ask, and note what became of it; the future of an ask, else ``None``."""
        future = None
        message = Said(what, next(self._numbers), 10 if what == "large" else 0)
        try:
            if ask:
                future = ref.ask(message, block=False, control=control)
            else:
                ref.tell(message, control=control)
        except MailboxFull:
            self.note(self.rejected, ref.name)
            return None
        except ActorDead:
            pass  # told to the dead: a dead letter, and counted as sent
        self.note(self.sent, ref.name)
        if future is not None:
            self.asks.append(future)
        return future

    def bury(self, letter: DeadLetter) -> None:
        """A dead letter, from any thread."""
        self.note(self.letters, letter.recipient)
        self.lost[letter.message.number] = letter.time

    def note(self, column: Counter[str], name: str) -> None:
        """One more, from any thread."""
        with self.lock:
            column[name] += 1


class _Doing:
    """What both kinds of actor do with a message."""

    def __init__(self, books: Books, peers: list[ActorRef[Any]], seed: str) -> None:
        super().__init__()
        self.books = books
        self.peers = peers
        self.random = random.Random(seed)

    def begin(self, what: str) -> ActorRef[Any] | None:
        """Crash, or give the peer that the message is for; ``None`` when there is none."""
        if what in CRASHES:
            raise CRASHES[what](what)
        if what == "quit":
            self.stop()  # type: ignore[attr-defined]
        return self.random.choice(self.peers) if what in ("pass", "ask") else None

    def done(self) -> None:
        self.books.note(self.books.handled, self.actor_ref.name)  # type: ignore[attr-defined]


class Light(_Doing, LightActor):
    """Awaits what it asks for, and sleeps on the system's clock."""

    def on_receive(self, message: Said) -> Any:
        peer = self.begin(message.what)
        if peer is not None or message.what == "sleep":
            return self._slowly(peer, message.what)
        self.done()
        return message

    async def _slowly(self, peer: ActorRef[Any] | None, what: str) -> None:
        if peer is None:
            await self.actor_ref.system.sleep(self.random.random() * 3)
        else:
            future = self.books.send(peer, "ok", ask=what == "ask", control=False)
            if future is not None:
                await future
        self.done()


class Own(_Doing, ThreadActor):
    """Passes on without waiting: on virtual time a blocked thread would wait for the driver."""

    def on_receive(self, message: Said) -> Said:
        peer = self.begin(message.what)
        if peer is not None:
            self.books.send(peer, "ok", ask=message.what == "ask", control=False)
        self.done()
        return message


def run(seed: int, messages: int = 10_000) -> Counter[str]:
    """One run; raises ``AssertionError`` naming the seed when a message or an ask is not accounted for."""
    books, clock = Books(), ManualClock()
    system = System(
        f"chaos-{seed}",
        clock=clock,
        on_failure=lambda *_: None,
        on_dead_letter=books.bury,
    )
    try:
        probe = system.start(Probe, name="probe")
        refs = _Driver(seed, system, clock, books, probe).drive(messages)
        _end(clock, refs, books, probe, seed)
        return _balance(refs, books, seed)
    finally:
        system.close()


class Probe(LightActor):
    """Answers once the dispatcher has given everybody else a turn."""

    def on_receive(self, message: Any) -> Any:
        return message


class _Driver:
    """Sends, orders and moves the clock, all by one seed."""

    def __init__(
        self, seed: int, system: System, clock: ManualClock, books: Books, probe: ActorRef[Any]
    ) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.system = system
        self.clock = clock
        self.books = books
        self.probe = probe
        self.peers: list[ActorRef[Any]] = []
        self.all: list[ActorRef[Any]] = []

    def drive(self, messages: int) -> list[ActorRef[Any]]:
        """Send that many; every actor that there ever was."""
        chance, books = self.random, self.books
        self.peers.extend(self._start() for _ in range(ACTORS))
        for _ in range(messages):
            ref, what = chance.choice(self.peers), chance.choice(MESSAGES)
            books.send(ref, what, ask=chance.random() < 0.3, control=chance.random() < 0.05)
            luck = chance.random()
            if luck < 0.002:
                self._order()
            elif luck < 0.002 + 1 / BURST:
                self._pause()
        return self.all

    def _pause(self) -> None:
        """Let the actors work, let time pass, and replace those that have ended."""
        self.probe.ask("go on")
        self.clock.advance(self.random.random() * 4)
        for place, ref in enumerate(self.peers):
            if not ref.is_alive() and self.random.random() < 0.3:
                self.peers[place] = self._start()

    def _order(self) -> None:
        """Stop or kill one, and have another in its place."""
        place = self.random.randrange(ACTORS)
        ref, how = self.peers[place], self.random.choice(("stop", "now", "kill"))
        if how == "kill":
            ref.kill()
        else:
            ref.stop(block=False, now=how == "now")
        self.peers[place] = self._start()

    def _start(self) -> ActorRef[Any]:
        chance, number = self.random, len(self.all)
        cls = Own if chance.random() < 0.3 else Light
        most = chance.choice((0, 5, 10**6))
        policy = Supervision(Intensity(most, 60.0), Backoff(chance.choice((0.0, 0.5)), limit=4.0))
        ref = self.system.start(
            cls,
            self.books,
            self.peers,
            f"{self.seed}/{number}",
            name=f"actor-{number}",
            mailbox=chance.choice(MAILBOXES),
            supervision=policy,
        )
        self.all.append(ref)
        return ref


def _end(
    clock: ManualClock, refs: list[ActorRef[Any]], books: Books, probe: ActorRef[Any], seed: int
) -> None:
    """Stop all, and move the clock for as long as somebody waits for it to move."""
    for ref in refs:
        ref.stop(block=False)
    for _ in range(ROUNDS):
        if not any(ref.is_alive() for ref in refs) and all(ask.done for ask in books.asks):
            return
        probe.ask("go on")
        clock.advance(0.5)
    left = [repr(ref) for ref in refs if ref.is_alive()]
    open_asks = [repr(ask) for ask in books.asks if not ask.settled]
    raise AssertionError(f"seed {seed}: hung: {left}, unanswered: {open_asks[:5]}")


def _balance(refs: list[ActorRef[Any]], books: Books, seed: int) -> Counter[str]:
    """Both sides of the books, side by side, actor by actor."""
    counts: Counter[str] = Counter()
    for ref in refs:
        got = ref.statistics()
        lost = got.dead_lettered + got.dropped
        ours = (books.sent[ref.name], books.handled[ref.name], books.rejected[ref.name])
        assert (got.sent, got.handled, got.rejected) == ours, f"seed {seed}: {got} is not {ours}"
        assert got.pending == got.mailbox_count == got.mailbox_bytes == 0, f"seed {seed}: {got}"
        assert lost == books.letters[ref.name], f"seed {seed}: {got}, {books.letters[ref.name]}"
        counts.update(
            messages=got.sent, handled=got.handled, failed=got.failed, lost=lost,
            rejected=got.rejected, restarts=got.restarts,
        )  # fmt: skip
    counts.update(asks=len(books.asks), actors=len(refs), late=_late(books, seed))
    return counts


def _late(books: Books, seed: int) -> int:
    """Asks that ended by their deadline; those whose message was lost before it had to hear of it."""
    unanswered = [ask for ask in books.asks if not ask.settled]
    late = [ask for ask in books.asks if isinstance(_outcome(ask), DeadlineExceeded)]
    never = float("inf")
    unheard = [ask for ask in late if books.lost.get(ask.message.number, never) < ask.deadline]
    assert not unanswered, f"seed {seed}: no answer to {unanswered[:5]}"
    assert not unheard, f"seed {seed}: lost, and only the deadline ended {unheard[:5]}"
    return len(late)


def _outcome(ask: Future[Any]) -> Any:
    """The value, or the error."""
    try:
        return ask.outcome()
    except (RetinueError, ValueError) as error:
        return error
