from __future__ import annotations

import threading

import pytest

from retinue.actors.runtime import Down, LightActor, ThreadActor
from retinue.bus.errors import ActorDead, DeadlineExceeded

BOTH = pytest.mark.parametrize("base", [LightActor, ThreadActor])


class Echo(LightActor):
    def on_receive(self, message):
        return message


class Waits(LightActor):
    """Suspended until the test's future comes."""

    async def on_receive(self, message):
        try:
            return await self.actor_ref.system.sleep(3600)
        finally:
            message.append("cleaned up")


@BOTH
def test_a_stop_comes_after_what_was_sent_before(system, base):
    got = []

    class Notes(base):
        def on_receive(self, message):
            got.append(message)

        def on_stop(self):
            got.append("stop")

    ref = system.start(Notes)
    for number in range(3):
        ref.tell(number)
    assert ref.stop() is True
    assert got == [0, 1, 2, "stop"]
    assert not ref.is_alive()


def test_a_second_stop_says_that_it_was_stopped(system):
    ref = system.start(Echo)
    stops = [ref.stop(block=False) for _ in range(3)]
    assert [stop.get() for stop in stops] == [True, True, True]
    assert ref.stop() is False


def test_an_actor_can_stop_itself(system, wait_until):
    class Quits(LightActor):
        def on_receive(self, message):
            self.stop()

    ref = system.start(Quits)
    ref.tell("quit")
    wait_until(lambda: not ref.is_alive())
    assert system.refs() == []


@BOTH
def test_a_stopped_actor_is_not_found_and_its_thread_ends(system, base, wait_until):
    class Plain(base):
        pass

    ref = system.start(Plain, name="plain")
    ref.stop()
    assert system.find("plain") is None
    wait_until(lambda: system.statistics().threads == ())


def test_a_kill_ends_a_suspended_handler_and_answers_its_asker(system):
    ref, said = system.start(Waits, name="waits"), []
    asked, queued = ref.ask(said, block=False), ref.ask(said, block=False)
    assert ref.kill().get() is True
    for future in (asked, queued):
        with pytest.raises(ActorDead, match=r"waits has stopped \(killed\)"):
            future.get()
    assert said in ([], ["cleaned up"])
    assert len(system.dead_letters) == 2
    assert ref.statistics().sent == 2


def test_a_killed_handler_runs_its_finally_blocks(system, wait_until):
    ref, said = system.start(Waits), []
    ref.tell(said)
    wait_until(lambda: ref.cell.waiting is not None)
    ref.kill().get()
    assert said == ["cleaned up"]
    assert [d.reason for d in system.dead_letters] == ["killed while it was handled"]


def test_a_handler_that_fights_its_end_is_ended_all_the_same(system, wait_until):
    class Fights(LightActor):
        async def on_receive(self, message):
            try:
                await self.actor_ref.system.sleep(3600)
            except GeneratorExit:
                await self.actor_ref.system.sleep(3600)

    ref = system.start(Fights)
    ref.tell("x")
    wait_until(lambda: ref.cell.waiting is not None)
    assert ref.kill().get() is True
    assert "GeneratorExit" in str(system.failures[0][1])


def test_a_monitor_is_told_once_why_the_actor_ended(system):
    ref, downs = system.start(Echo), []
    ref.monitor(downs.append)
    ref.stop()
    ref.monitor(downs.append)
    assert downs == [Down(ref, "stopped", None), Down(ref, "stopped", None)]


def test_a_watcher_actor_is_told_in_its_control_lane(system):
    class Watches(LightActor):
        def __init__(self):
            self.got = []

        def on_receive(self, message):
            self.got.append(message)
            return self.got

    class Fails(LightActor):
        def on_receive(self, message):
            raise SystemExit(message)

        def __init__(self):
            if self.actor_cell.restarts:
                raise OSError("not again")

    watcher, ref = system.start(Watches), system.start(Fails)
    ref.monitor(watcher)
    with pytest.raises(Exception, match="SystemExit"):
        ref.ask(1)
    with pytest.raises(ActorDead):
        ref.ask(2)
    [down, _] = watcher.ask("?")
    assert (down.ref, type(down.error)) == (ref, OSError)
    assert down.reason == "failed: OSError: not again"


def test_a_cancelled_monitor_is_not_told(system):
    ref, downs = system.start(Echo), []
    monitor = ref.monitor(downs.append)
    assert monitor.cancel() is True
    assert monitor.cancel() is False
    ref.stop()
    assert downs == []


def test_a_watcher_that_fails_harms_nobody(system):
    ref, downs = system.start(Echo), []
    ref.monitor(lambda down: 1 / 0)
    ref.monitor(downs.append)
    assert ref.stop() is True
    assert len(downs) == 1
    assert [type(error) for _, error, _ in system.failures] == [ZeroDivisionError]


def test_dead_letters_are_counted_exactly_and_kept_within_bounds(make_system):
    heard = []
    system = make_system(keep_dead_letters=3, on_dead_letter=heard.append)
    ref = system.start(Echo, name="echo")
    ref.stop()
    for number in range(10):
        with pytest.raises(ActorDead):
            ref.tell(number)
    assert [d.message for d in system.dead_letters] == [7, 8, 9]
    assert system.statistics().dead_letters == {"stopped": 10}
    assert len(heard) == 10
    assert ref.statistics().dead_lettered == 10


def test_a_dead_letter_has_the_time_of_its_death(make_system, clock):
    system = make_system(clock=clock)
    ref = system.start(Echo, name="echo")
    ref.stop()
    clock.advance(7)
    with pytest.raises(ActorDead):
        ref.tell("x")
    assert system.dead_letters[0].time == clock.time()


def test_closing_lets_every_actor_handle_what_was_sent(make_system):
    got = []

    class Notes(LightActor):
        def on_receive(self, message):
            got.append(message)

    system = make_system()
    for _ in range(10):
        ref = system.start(Notes)
        for number in range(100):
            ref.tell(number)
    system.close()
    assert len(got) == 1000
    assert not system.dead_letters


def test_closing_kills_what_does_not_stop(make_system):
    system, said = make_system(), []
    asked = system.start(Waits, name="waits").ask(said, block=False)
    system.close(timeout=0.05)
    assert said == ["cleaned up"]
    with pytest.raises(ActorDead):
        asked.get()


def test_closing_names_the_threads_that_do_not_end(make_system):
    system, entered, leave = make_system(), threading.Event(), threading.Event()

    class Stuck(ThreadActor):
        def on_receive(self, message):
            entered.set()
            leave.wait(30)

    system.start(Stuck, name="stuck").tell("x")
    assert entered.wait(10)
    with pytest.raises(DeadlineExceeded, match=r"did not close in 0\.05 s: .*stuck"):
        system.close(timeout=0.05)
    leave.set()


def test_a_closed_system_starts_nothing(make_system):
    system = make_system("shut")
    system.close()
    system.close()
    with pytest.raises(ActorDead, match="system shut is closed"):
        system.start(Echo)


class Notes(LightActor):
    def __init__(self):
        self.got = []

    def on_receive(self, message):
        if message == "told?":
            return list(self.got)
        self.got.append(message)
        return None
