"""Messages that are told later: when, to whom, and what becomes of their timers."""

from __future__ import annotations

import asyncio
import threading

from retinue.actors.runtime import LightActor, Mailbox, ThreadActor


class Echo(LightActor):
    def on_receive(self, message):
        return message


class Notes(LightActor):
    def __init__(self):
        self.got = []

    def on_receive(self, message):
        if message == "told?":
            return list(self.got)
        self.got.append(message)
        return None


def told(ref):
    return ref.ask("told?")


def test_a_timer_tells_its_message_when_it_is_due(make_system, clock, wait_until):
    system = make_system(clock=clock)
    ref = system.start(Notes)
    for seconds in (3, 1, 2):
        system.after(seconds, ref, seconds)
    clock.advance(0.9)
    assert told(ref) == []
    clock.advance(1.2)
    wait_until(lambda: told(ref) == [1, 2])
    clock.advance(1)
    wait_until(lambda: told(ref) == [1, 2, 3])


def test_a_cancelled_timer_tells_nothing(make_system, clock, wait_until):
    system = make_system(clock=clock)
    ref = system.start(Notes)
    timer, other = system.after(1, ref, "cancelled"), system.after(1, ref, "told")
    assert timer.cancel() is True
    assert timer.cancel() is False
    clock.advance(2)
    wait_until(lambda: told(ref) == ["told"])
    assert other.cancel() is False
    assert repr(timer) == "<Timer str for Notes-1, settled>"


def test_timers_run_on_the_real_clock(system):
    done = threading.Event()

    class Sets(ThreadActor):
        def on_receive(self, message):
            done.set()

    ref = system.start(Sets)
    system.after(3600, ref, "late")
    system.after(0.01, ref, "soon")
    assert done.wait(10)


def test_a_timer_for_a_stopped_actor_is_a_dead_letter(make_system, clock, wait_until):
    system = make_system(clock=clock)
    system.start(Echo)
    gone = system.start(Notes)
    system.after(1, gone, "late")
    gone.stop()
    clock.advance(2)
    wait_until(lambda: [d.message for d in system.dead_letters] == ["late"])


def test_a_timer_for_a_full_mailbox_is_a_dead_letter(make_system, clock, wait_until):
    system, gate = make_system(clock=clock), threading.Event()

    class Gated(ThreadActor):
        def on_receive(self, message):
            assert gate.wait(10)

    ref = system.start(Gated, mailbox=Mailbox(capacity=1))
    ref.tell("in its hands", control=True)
    wait_until(lambda: ref.statistics().mailbox_count == 0)
    ref.tell("in its mailbox")
    system.after(1, ref, "late")
    clock.advance(2)
    wait_until(lambda: len(system.dead_letters) == 1)
    assert system.dead_letters[0].reason == "mailbox full when its timer was due"
    gate.set()


def test_timers_do_not_outlive_the_last_actor(system, wait_until):
    ref = system.start(Echo)
    system.after(3600, ref, "never")
    ref.stop()
    wait_until(lambda: system.statistics().threads == ())
    assert [d.message for d in system.dead_letters] == ["never"]


def test_the_timers_thread_ends_with_the_last_actor_though_its_stop_was_awaited(system, wait_until):
    class Own(ThreadActor):
        pass

    async def stop():
        return await system.start(Own).stop(block=False)

    assert asyncio.run(stop()) is True
    wait_until(lambda: system.statistics().threads == ())


def test_deadlines_of_answered_asks_do_not_pile_up(system):
    class Asks(LightActor):
        async def on_receive(self, message):
            for number in range(5_000):
                await message.ask(number, block=False)

    system.start(Asks).ask(system.start(Echo))
    assert system.statistics().timers <= 2
