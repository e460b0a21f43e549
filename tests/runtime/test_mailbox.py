from __future__ import annotations

import threading

import msgspec
import pytest

from retinue.actors.runtime import LightActor, Mailbox, ThreadActor
from retinue.actors.runtime.mailbox import size_of
from retinue.bus.errors import ActorDead, InvalidInput, MailboxFull


class Held(ThreadActor):
    """Handles nothing until the test opens the gate."""

    def __init__(self, gate):
        self.gate = gate
        self.got = []

    def on_start(self):
        pass

    def on_receive(self, message):
        assert self.gate.wait(10)
        if message == "got":
            return self.got
        self.got.append(message)
        return None


class Parcel(msgspec.Struct):
    body: bytes


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def hold(system, gate, wait_until):
    """Starts a held actor with a mailbox; its first message is in its hands, not in its mailbox."""

    def start(**spec):
        ref = system.start(Held, gate, name="held", mailbox=Mailbox(**spec))
        ref.tell("first", control=True)
        wait_until(lambda: ref.statistics().current == "str")
        return ref

    return start


def test_reject_raises_in_the_sender_and_loses_nothing_that_was_accepted(hold, gate):
    ref = hold(capacity=2)
    ref.tell(1)
    ref.tell(2)
    with pytest.raises(MailboxFull, match=r"mailbox of held is full \(2 of 2 messages"):
        ref.tell(3)
    with pytest.raises(MailboxFull):
        ref.ask(3, block=False)
    gate.set()
    assert ref.ask("got", control=True) is not None
    ref.stop()
    assert ref.cell.handled == 4
    assert ref.statistics().rejected == 2


def test_drop_oldest_makes_room_and_says_what_it_dropped(hold, gate, system):
    ref = hold(capacity=2, overflow="drop_oldest")
    asked = ref.ask("oldest", block=False)
    for number in (1, 2, 3):
        ref.tell(number)
    with pytest.raises(MailboxFull, match="held dropped the message for a newer one"):
        asked.get()
    gate.set()
    ref.stop()
    assert [d.message for d in system.dead_letters] == ["oldest", 1]
    assert {d.reason for d in system.dead_letters} == {"dropped: the mailbox was full"}
    assert ref.statistics().dropped == 2
    assert ref.statistics().sent == 5


def test_block_makes_a_host_thread_wait_for_room(hold, gate, wait_until):
    ref = hold(capacity=1, overflow="block")
    ref.tell(1)
    told = threading.Event()
    sender = threading.Thread(target=lambda: (ref.tell(2), told.set()))
    sender.start()
    wait_until(lambda: ref.cell.space._waiters)
    assert not told.is_set()
    gate.set()
    sender.join(10)
    assert ref.ask("got") == ["first", 1, 2]


def test_block_gives_up_at_its_deadline(hold):
    ref = hold(capacity=1, overflow="block", block_timeout=0.02)
    ref.tell(1)
    with pytest.raises(MailboxFull, match=r"no room within 0\.02 s"):
        ref.tell(2)


def test_block_never_blocks_an_actor(hold, system):
    ref = hold(capacity=1, overflow="block")
    ref.tell(1)

    class Sends(LightActor):
        def on_receive(self, message):
            ref.tell(message)

    with pytest.raises(MailboxFull):
        system.start(Sends).ask(2)


def test_a_sender_that_waits_for_room_is_told_when_the_actor_ends(hold, gate, wait_until, system):
    ref = hold(capacity=1, overflow="block")
    ref.stop(block=False, now=True)
    ref.tell(1)
    outcome = []

    def send():
        try:
            ref.tell(2)
        except ActorDead:
            outcome.append("dead")

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(ref.cell.space._waiters) == 3)
    gate.set()
    for sender in senders:
        sender.join(10)
    assert outcome == ["dead"] * 3
    assert [d.message for d in system.dead_letters] == [1, 2, 2, 2]


def test_a_byte_bound_counts_what_messages_tell_of_themselves(hold, gate):
    ref = hold(max_bytes=100)
    ref.tell(Parcel(b"x" * 60))
    ref.tell("text tells no size")
    ref.tell(b"x" * 40)
    assert ref.statistics().mailbox_bytes == 100
    with pytest.raises(MailboxFull, match="100 of 100 bytes"):
        ref.tell(b"x")
    with pytest.raises(MailboxFull, match="the message alone has 101 bytes"):
        ref.tell(b"x" * 101)
    gate.set()
    ref.stop()
    assert ref.statistics().mailbox_bytes == 0


def test_drop_oldest_frees_bytes_until_the_newest_fits(hold, gate, system):
    ref = hold(max_bytes=100, overflow="drop_oldest")
    for size in (40, 40, 90):
        ref.tell(b"x" * size)
    assert [len(d.message) for d in system.dead_letters] == [40, 40]
    assert ref.statistics().mailbox_bytes == 90


def test_control_messages_are_exempt_from_the_bound(hold, gate):
    ref = hold(capacity=1)
    ref.tell(1)
    ref.tell("urgent", control=True)
    gate.set()
    assert ref.ask("got", control=True) is not None
    ref.stop()
    assert ref.statistics().handled == 4


def test_a_full_mailbox_can_still_be_stopped(hold, gate, system):
    ref = hold(capacity=1, overflow="drop_oldest")
    ref.tell(1)
    stopping = ref.stop(block=False)
    for number in (2, 3):
        ref.tell(number)
    gate.set()
    assert stopping.get() is True
    assert ref.statistics().handled == 1
    assert [d.message for d in system.dead_letters] == [1, 2, 3]


@pytest.mark.parametrize("capacity", [5, 100])
def test_the_bound_is_exact_however_many_threads_send(system, gate, wait_until, capacity):
    ref = system.start(Held, gate, mailbox=Mailbox(capacity=capacity))
    ref.tell("first", control=True)
    wait_until(lambda: ref.statistics().current == "str")
    accepted, start = [], threading.Barrier(8)

    def send():
        start.wait()
        for number in range(capacity):
            try:
                ref.tell(number)
            except MailboxFull:
                continue
            accepted.append(number)

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(accepted) == ref.statistics().mailbox_count == capacity


def test_threads_that_pass_the_check_together_stay_within_the_bound(system, gate, wait_until):
    """The check without a lock leaves room for as many threads as may pass it at once."""
    ref = system.start(Held, gate, mailbox=Mailbox(capacity=100))
    ref.tell("first", control=True)
    wait_until(lambda: ref.statistics().current == "str")
    for number in range(ref.cell.room - 1):
        ref.tell(number)
    cell, queue, together = ref.cell, ref.cell.queue, threading.Barrier(8)

    class Window:
        def __len__(self):
            seen = len(queue)
            together.wait(10)
            return seen

        def append(self, entry):
            queue.append(entry)

    cell.queue = Window()
    senders = [threading.Thread(target=ref.tell, args=(n,)) for n in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(10)
    cell.queue = queue
    assert cell.room < len(queue) <= 100


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"capacity": 0}, "mailbox capacity 0"),
        ({"max_bytes": 0}, "mailbox max_bytes 0"),
        ({"overflow": "drop"}, "mailbox overflow 'drop' is unknown"),
    ],
)
def test_a_mailbox_that_cannot_be_meant_is_refused(spec, said):
    with pytest.raises(InvalidInput, match=said):
        Mailbox(**spec)


def test_sizes_are_what_messages_tell():
    assert size_of(b"123") == 3
    assert size_of(bytearray(4)) == 4
    assert size_of(memoryview(bytes(5))) == 5
    assert size_of(Parcel(b"123456")) == 6
    assert size_of("text") == size_of(None) == size_of({"a": 1}) == 0


def test_none_and_futures_are_messages_like_any_other(system):
    class Keeps(LightActor):
        def __init__(self):
            self.got = []

        def on_receive(self, message):
            self.got.append(message)
            return self.got

    for spec in (Mailbox(), Mailbox(max_bytes=10)):
        ref = system.start(Keeps, mailbox=spec)
        future = ref.ask("x", block=False)
        ref.tell(None)
        ref.tell(future)
        assert ref.ask("y") == ["x", None, future, "y"]
