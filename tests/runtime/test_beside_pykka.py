"""What pykka does not give and the kernel must: pykka's behaviour first, then ours."""

from __future__ import annotations

import asyncio
import threading

import pykka
import pytest
from pykka import ActorRegistry

from retinue.actors.child_specs import ChildSpec
from retinue.actors.runtime import LightActor, Mailbox, ThreadActor
from retinue.actors.supervisor import Supervisor
from retinue.bus.errors import (
    ActorDead,
    BlockingCallInActor,
    DeadlineExceeded,
    DeadlockDetected,
    MailboxFull,
    StartFailed,
)


@pytest.fixture(autouse=True)
def no_pykka_actor_is_left():
    yield
    ActorRegistry.stop_all()


class PykkaFragile(pykka.ThreadingActor):
    def on_receive(self, message):
        if message == "boom":
            raise ValueError(message)
        return message


class Fragile(LightActor):
    def on_receive(self, message):
        if message == "boom":
            raise ValueError(message)
        return message


class Gate:
    """Lets a test hold an actor in the middle of a message."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def pass_through(self):
        self.reached.set()
        assert self.opened.wait(10)


class PykkaGated(pykka.ThreadingActor):
    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def on_receive(self, message):
        if message == "wait":
            self.gate.pass_through()
        if message == "boom":
            raise ValueError(message)
        return message


class Gated(ThreadActor):
    def __init__(self, gate):
        self.gate = gate

    def on_receive(self, message):
        if message == "wait":
            self.gate.pass_through()
        if message == "boom":
            raise ValueError(message)
        return message


# An exception in a tell, and in an ask


def test_pykka_dies_of_a_failing_tell_but_not_of_a_failing_ask(wait_until):
    ref = PykkaFragile.start()
    with pytest.raises(ValueError, match="boom"):
        ref.ask("boom")
    assert ref.is_alive()
    ref.tell("boom")
    wait_until(lambda: not ref.is_alive())


@pytest.mark.parametrize("kind", ["tell", "ask"])
def test_every_failure_goes_to_the_supervisor_in_the_same_way(system, wait_until, kind):
    ref = system.start(Fragile, name="fragile")
    if kind == "tell":
        ref.tell("boom")
    else:
        with pytest.raises(ValueError, match="boom"):
            ref.ask("boom")
    assert ref.ask("well") == "well"
    assert [(name, str(error), message) for name, error, message in system.failures] == [
        ("fragile", "boom", "boom")
    ]
    assert ref.statistics().restarts == 1


# Messages behind a crash or a stop


def test_pykka_forgets_what_was_queued_behind_a_crash(wait_until):
    gate = Gate()
    ref = PykkaGated.start(gate)
    for message in ("wait", "boom", "lost", "lost"):
        ref.tell(message)
    gate.opened.set()
    wait_until(lambda: not ref.is_alive())
    wait_until(ref.actor_inbox.empty)  # two messages are gone, and nobody was told


def test_what_is_queued_behind_a_crash_waits_for_the_restart(system):
    gate = Gate()
    ref = system.start(Gated, gate)
    for message in ("wait", "boom", "kept"):
        ref.tell(message)
    gate.opened.set()
    assert ref.ask("last") == "last"
    assert ref.statistics().handled == 3
    assert not system.dead_letters


def test_what_is_queued_behind_a_stop_becomes_dead_letters_with_the_reason(system):
    gate = Gate()
    ref = system.start(Gated, gate, name="gated")
    ref.tell("wait")
    assert gate.reached.wait(10)
    stopping = ref.stop(block=False)
    ref.tell("late")
    asked = ref.ask("later", block=False)
    gate.opened.set()
    assert stopping.get() is True
    with pytest.raises(ActorDead, match="gated has stopped"):
        asked.get()
    assert [(d.message, d.recipient, d.reason) for d in system.dead_letters] == [
        ("late", "gated", "stopped"),
        ("later", "gated", "stopped"),
    ]


# A BaseException


def test_pykka_stops_every_actor_and_never_answers_when_a_handler_exits():
    class Exits(pykka.ThreadingActor):
        def on_receive(self, message):
            raise SystemExit(message)

    bystander = PykkaFragile.start()
    ref = Exits.start()
    with pytest.raises(pykka.Timeout):
        ref.ask(1, timeout=0.2)
    assert bystander.actor_stopped.wait(10)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
@pytest.mark.parametrize("base", [LightActor, ThreadActor])
def test_a_base_exception_is_contained_in_its_actor(system, base, error):
    class Exits(base):
        def on_receive(self, message):
            if message == "exit":
                raise error
            return message

    host = PykkaFragile.start()
    neighbour = system.start(Fragile)
    ref = system.start(Exits)
    with pytest.raises(Exception, match=type(error).__name__) as caught:
        ref.ask("exit")
    assert caught.value.__cause__ is error
    assert ref.ask("again") == "again"
    assert neighbour.ask(1) == 1
    assert host.ask(1) == 1
    assert ref.statistics().failed == 1


# The window between "alive?" and tear-down


def test_pykka_never_answers_an_ask_that_comes_between_the_check_and_the_tear_down(wait_until):
    ref = PykkaFragile.start()

    class Late:
        """Stops the actor after the alive check and before the put."""

        def is_set(self):
            alive = ref_stopped.is_set()
            if not alive:
                ref.actor_stopped = ref_stopped
                ref.stop()
                wait_until(lambda: not any(t.name.startswith("PykkaFragile") for t in _threads()))
            return alive

    ref_stopped, ref.actor_stopped = ref.actor_stopped, Late()
    with pytest.raises(pykka.Timeout):
        ref.ask("in the window", timeout=0.2)


@pytest.mark.parametrize("order", ["ask", "tell"])
def test_a_message_in_the_window_is_always_answered_or_a_dead_letter(system, order):
    ref = system.start(Fragile)
    cell, queue = ref.cell, ref.cell.queue

    class Window:
        """The mailbox's deque; stops the actor between the sender's check and its append."""

        def __len__(self):
            return 0

        def append(self, entry):
            cell.queue = queue
            ref.stop()
            queue.append(entry)

    cell.queue = Window()
    if order == "tell":
        ref.tell("in the window")
    else:
        with pytest.raises(ActorDead):
            ref.ask("in the window", timeout=5.0)
    assert [d.message for d in system.dead_letters] == ["in the window"]
    assert ref.statistics().dead_lettered == 1


# on_start failing


def test_pykka_returns_a_ref_to_an_actor_whose_start_failed(wait_until):
    class Unstartable(pykka.ThreadingActor):
        def on_start(self):
            raise OSError("no port")

    ref = Unstartable.start()
    wait_until(lambda: not ref.is_alive())


@pytest.mark.parametrize("base", [LightActor, ThreadActor])
def test_a_start_is_acknowledged_or_raises(system, base):
    class Unstartable(base):
        def on_start(self):
            raise OSError("no port")

    with pytest.raises(StartFailed, match="port-opener did not start: OSError: no port") as caught:
        system.start(Unstartable, name="port-opener")
    assert isinstance(caught.value.__cause__, OSError)
    assert system.find("port-opener") is None
    assert system.refs() == []


# The mailbox


def test_pykka_lets_a_mailbox_grow_without_bound():
    gate = Gate()
    ref = PykkaGated.start(gate)
    ref.tell("wait")
    assert gate.reached.wait(10)
    for _ in range(10_000):
        ref.tell(b"x" * 100)
    assert ref.actor_inbox.qsize() == 10_000
    gate.opened.set()


@pytest.mark.parametrize(("spec", "held"), [(Mailbox(capacity=3), 3), (Mailbox(max_bytes=250), 2)])
def test_a_mailbox_is_bounded_by_count_and_bytes(system, spec, held):
    gate = Gate()
    ref = system.start(Gated, gate, mailbox=spec)
    ref.tell("wait")
    assert gate.reached.wait(10)
    for _ in range(held):
        ref.tell(b"x" * 100)
    with pytest.raises(MailboxFull, match="Gated-1 is full"):
        ref.tell(b"x" * 100)
    assert ref.statistics().mailbox_count == held
    assert ref.statistics().mailbox_bytes == held * 100
    gate.opened.set()


def test_pykka_handles_a_stop_only_after_everything_that_waits():
    gate = Gate()
    ref = PykkaGated.start(gate)
    ref.tell("wait")
    first = ref.ask("first", block=False)
    ref.stop(block=False)
    gate.opened.set()
    assert first.get(timeout=10) == "first"


def test_the_control_lane_overtakes_what_waits(system):
    gate, seen = Gate(), []

    class Ordered(ThreadActor):
        def on_receive(self, message):
            if message == "wait":
                gate.pass_through()
            seen.append(message)

    ref = system.start(Ordered)
    ref.tell("wait")
    assert gate.reached.wait(10)
    ref.tell("first")
    ref.tell("second")
    ref.tell("urgent", control=True)
    gate.opened.set()
    ref.stop()
    assert seen == ["wait", "urgent", "first", "second"]


# The registry


def test_pykka_knows_every_actor_of_the_process_from_anywhere():
    ref = PykkaFragile.start()
    assert ActorRegistry.get_by_urn(ref.actor_urn) is ref


def test_each_system_has_a_directory_of_its_own(make_system):
    one, other = make_system("one"), make_system("other")
    mine = one.start(Fragile, name="same")
    yours = other.start(Fragile, name="same")
    assert one.find("same") is mine
    assert other.find("same") is yours
    assert ActorRegistry.get_all() == []
    ActorRegistry.stop_all()
    assert mine.ask(1) == yours.ask(1) == 1


# Supervision and death watch


def test_pykka_leaves_a_crashed_actor_dead(wait_until):
    ref = PykkaFragile.start()
    ref.tell("boom")
    wait_until(lambda: not ref.is_alive())
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("anything")
    assert not hasattr(ref, "monitor")


def test_a_supervisor_restarts_its_child_and_a_monitor_tells_of_its_end(system):
    system.start(Supervisor, [ChildSpec("fragile", Fragile)])
    ref = system.find("fragile")
    ref.tell("boom")
    assert ref.ask("well") == "well"
    ended = threading.Event()
    ref.monitor(lambda down: ended.set())
    system.close()
    assert ended.is_set()


# await


def test_pykka_blocks_the_loop_that_awaits_its_future():
    gate = Gate()
    ref = PykkaGated.start(gate)
    ticks = []

    async def main():
        asyncio.get_running_loop().call_soon(ticks.append, "tick")
        opener = threading.Timer(0.2, gate.opened.set)
        opener.start()
        waiting = asyncio.ensure_future(_awaited(ref.ask("wait", block=False)))
        await asyncio.wait([waiting], timeout=0)  # one step: it must not block, and does
        return gate.opened.is_set(), opener

    blocked, opener = asyncio.run(main())
    opener.join()
    assert blocked


def test_an_ask_is_awaitable_in_a_running_loop_without_blocking_it(system):
    gate = Gate()
    ref = system.start(Gated, gate)

    async def main():
        waiting = asyncio.ensure_future(_awaited(ref.ask("wait", block=False)))
        await asyncio.wait([waiting], timeout=0.01)
        assert not waiting.done()
        gate.opened.set()
        return await waiting

    assert asyncio.run(main()) == "wait"


# What follows from it


def test_pykka_waits_for_ever_unless_told_otherwise():
    import inspect

    assert inspect.signature(pykka.ActorRef.ask).parameters["timeout"].default is None


def test_every_ask_has_a_deadline(make_system, clock, wait_until):
    system = make_system(clock=clock)
    gate = Gate()
    ref = system.start(Gated, gate, name="slow")
    failed = []

    def ask():
        try:
            ref.ask("wait")
        except DeadlineExceeded as error:
            failed.append(str(error))

    asker = threading.Thread(target=ask)
    asker.start()
    assert gate.reached.wait(10)
    clock.advance(31.0)
    asker.join(10)
    gate.opened.set()
    assert failed == ["slow asked str did not answer within 30 s"]


def test_pykka_hangs_in_a_circle_of_asks():
    class Asks(pykka.ThreadingActor):
        def on_receive(self, message):
            return self.actor_ref.ask("me", timeout=0.2) if message == "go" else None

    with pytest.raises(pykka.Timeout):
        Asks.start().ask("go")


def test_a_circle_of_asks_is_reported_with_its_path(system):
    class Asks(LightActor):
        other = None

        async def on_receive(self, message):
            if isinstance(message, str):
                return await self.other.ask(message, block=False)
            self.other = message
            return None

    a, b, c = (system.start(Asks, name=name) for name in "abc")
    for asker, other in ((a, b), (b, c), (c, a)):
        asker.ask(other)
    with pytest.raises(DeadlockDetected) as caught:
        a.ask("round")
    assert set(caught.value.path) == {"a", "b", "c"}
    assert caught.value.path[0] == caught.value.path[-1]


def test_a_blocking_ask_on_a_dispatcher_is_refused_by_name(system):
    class Blocks(LightActor):
        def on_receive(self, message):
            return message.ask("hello")

    other = system.start(Fragile, name="other")
    with pytest.raises(BlockingCallInActor, match="blocker must not block on other"):
        system.start(Blocks, name="blocker").ask(other)
    assert other.statistics().handled == 0


def _threads():
    return threading.enumerate()


async def _awaited(future):
    return await future
