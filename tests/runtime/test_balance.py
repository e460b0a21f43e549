"""Sent = handled + failed + dead-lettered + dropped + pending, whatever happens."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.actors.runtime import LightActor, Mailbox, System, ThreadActor
from retinue.actors.supervision import Intensity, Supervision
from retinue.bus.errors import ActorDead, DeadlineExceeded, MailboxFull, RetinueError

MAILBOXES = [
    Mailbox(),
    Mailbox(capacity=4),
    Mailbox(capacity=4, overflow="drop_oldest"),
    Mailbox(capacity=4, overflow="block", block_timeout=0.01),
    Mailbox(max_bytes=30),
    Mailbox(max_bytes=30, overflow="drop_oldest"),
]
MESSAGES = ["ok", "ok", "ok", b"0123456789", "fail", "exit", "wait", "quit", None]


class Tally:
    """Counts from the inside what the runtime counts from the outside."""

    def __init__(self, tally, helper):
        self.tally = tally
        self.helper = helper

    def handle(self, message):
        self.tally["begun"] += 1
        if message == "fail":
            raise ValueError(message)
        if message == "exit":
            raise SystemExit(message)
        if message == "quit":
            self.stop()
        self.tally["handled"] += 1
        return message


class Light(Tally, LightActor):
    def on_receive(self, message):
        return self._wait() if message == "wait" else self.handle(message)

    async def _wait(self):
        await self.helper.ask("help", block=False)
        return self.handle("waited")


class Own(Tally, ThreadActor):
    def on_receive(self, message):
        if message == "wait":
            self.helper.ask("help")
        return self.handle(message)


class Helper(LightActor):
    def on_receive(self, message):
        return message


class Sender(threading.Thread):
    """Sends at random, and remembers for each actor what was accepted."""

    def __init__(self, refs, seed, count):
        super().__init__()
        self.refs, self.random, self.count = refs, random.Random(seed), count
        self.sent: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.futures = []

    def run(self):
        for _ in range(self.count):
            ref, message = self.random.choice(self.refs), self.random.choice(MESSAGES)
            control = self.random.random() < 0.1
            try:
                if self.random.random() < 0.5:
                    ref.tell(message, control=control)
                else:
                    self.futures.append(ref.ask(message, block=False, control=control))
            except MailboxFull:
                self.rejected[ref.name] += 1
                continue
            except ActorDead:
                pass  # told to the dead: a dead letter, and counted as sent
            self.sent[ref.name] += 1


@pytest.mark.parametrize("seed", range(12))
def test_the_balance_is_exact_after_crashes_stops_restarts_and_overflows(make_system, seed):
    system = make_system()
    chance, tallies = random.Random(seed), {}
    helper = system.start(Helper, name="helper")
    refs = []
    for number in range(8):
        name, cls = f"actor-{number}", chance.choice([Light, Own])
        tallies[name] = Counter()
        policy = Supervision(Intensity(chance.choice([0, 5, 10**6]), 60.0))
        spec = chance.choice(MAILBOXES)
        options = {"name": name, "mailbox": spec, "supervision": policy}
        refs.append(system.start(cls, tallies[name], helper, **options))
    senders = [Sender(refs, f"{seed}-{n}", 400) for n in range(3)]
    for sender in senders:
        sender.start()
    for ref in chance.sample(refs, 2):
        ref.stop(block=False, now=chance.random() < 0.5)
        ref.kill()
    for sender in senders:
        sender.join(60)
    for ref in refs:
        ref.stop(timeout=30)
    for ref in refs:
        got, name = ref.statistics(), ref.name
        assert got.pending == got.mailbox_count == 0
        assert got.mailbox_bytes == 0
        assert got.sent == sum(sender.sent[name] for sender in senders)
        assert got.balanced
        assert got.rejected == sum(sender.rejected[name] for sender in senders)
        assert got.handled == tallies[name]["handled"]
    _every_ask_is_answered(senders)
    by_reason = sum(system.statistics().dead_letters.values())
    assert by_reason == sum(r.statistics().dead_lettered + r.statistics().dropped for r in refs)


def _every_ask_is_answered(senders):
    for future in (future for sender in senders for future in sender.futures):
        try:
            future.get(timeout=0)
        except DeadlineExceeded as error:
            raise AssertionError("an ask was left without an answer") from error
        except (RetinueError, ValueError):
            continue


STEPS = st.sampled_from(["ok", "fail", "exit", "wait", "stop", "kill", "resume", "urgent"])


@given(steps=st.lists(STEPS, max_size=30), spec=st.sampled_from(MAILBOXES))
def test_the_balance_is_exact_in_any_order_of_events(steps, spec):
    """One sender, so that every count is known before."""
    with System("any", on_failure=lambda *_: None) as system:
        helper, tally = system.start(Helper), Counter()
        policy = Supervision(Intensity(3, 60.0))
        ref = system.start(Light, tally, helper, mailbox=spec, supervision=policy)
        sent = sum(_take_step(ref, step) for step in steps)
        ref.stop()
        got = ref.statistics()
        assert got.sent == sent
        assert got.balanced
        assert got.handled == tally["handled"]
        assert got.pending == 0


def _take_step(ref, step):
    try:
        if step == "stop":
            ref.stop(block=False)
            return 0
        if step == "kill":
            ref.kill()
            return 0
        if step == "resume":
            ref.resume(0.0)
            return 0
        ref.tell(step, control=step == "urgent")
    except MailboxFull:
        return 0
    except ActorDead:
        return 1
    return 1


@pytest.fixture
def hurried():
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_of_what_many_threads_send_at_once_every_message_is_counted(system, hurried):
    ref, each = system.start(Helper), 20_000
    senders = [threading.Thread(target=_send, args=(ref, each)) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    ref.stop()
    got = ref.statistics()
    assert (got.sent, got.handled, got.balanced) == (6 * each, 6 * each, True)


def _send(ref, count):
    for number in range(count):
        if number % 8:
            ref.tell(number)
        elif number % 16:
            ref.tell(number, control=True)
        else:
            ref.ask(number, block=False)


def test_a_message_that_got_lost_is_missing_from_the_balance(system, wait_until):
    entered, leave = threading.Event(), threading.Event()

    class Holds(LightActor):
        def on_receive(self, message):
            entered.set()
            assert leave.wait(10)

    ref = system.start(Holds)
    for number in range(3):
        ref.tell(number)
    assert entered.wait(10)
    assert ref.statistics().balanced
    ref.cell.queue.pop()
    leave.set()
    wait_until(lambda: ref.statistics().current is None)
    got = ref.statistics()
    assert (got.sent, got.handled, got.pending, got.balanced) == (3, 2, 0, False)
