from __future__ import annotations

import threading

import pytest

from retinue.actors.runtime import LightActor, ThreadActor
from retinue.actors.supervision import Backoff, Intensity, Supervision
from retinue.bus.errors import ActorDead

BOTH = pytest.mark.parametrize("base", [LightActor, ThreadActor])


def fragile(base):
    class Fragile(base):
        def __init__(self, *args, **kwargs):
            self.arguments = args, kwargs
            self.memory = []

        def on_receive(self, message):
            if message == "boom":
                raise ValueError("boom")
            self.memory.append(message)
            return self.arguments, list(self.memory)

    return Fragile


@BOTH
def test_a_failed_actor_is_a_new_instance_behind_the_same_ref(system, base):
    ref = system.start(fragile(base), 1, two=2)
    ref.tell("before")
    ref.tell("boom")
    assert ref.ask("after") == (((1,), {"two": 2}), ["after"])
    assert ref.is_alive()


@BOTH
def test_one_restart_more_than_the_intensity_ends_the_actor(make_system, clock, base):
    system = make_system(clock=clock)
    ref = system.start(fragile(base), name="fragile", supervision=Supervision(Intensity(2, 5.0)))
    for _ in range(3):
        ref.tell("boom")
    with pytest.raises(ActorDead, match="ValueError: boom"):
        ref.ask("anything")
    assert ref.statistics().restarts == 2
    assert system.find("fragile") is None


def test_failures_that_are_far_apart_do_not_add_up(make_system, clock):
    system = make_system(clock=clock)
    ref = system.start(fragile(LightActor), supervision=Supervision(Intensity(2, 5.0)))
    for _ in range(10):
        ref.tell("boom")
        assert ref.ask("well")
        clock.advance(3.0)
    assert ref.statistics().restarts == 10


def test_a_restart_waits_out_its_back_off_and_the_mailbox_with_it(make_system, clock, wait_until):
    system = make_system(clock=clock)
    policy = Supervision(Intensity(5, 60.0), Backoff(first=1.0, factor=2.0, jitter=0.0))
    ref = system.start(fragile(LightActor), supervision=policy)
    for wait in (1.0, 2.0, 4.0):
        ref.tell("boom")
        wait_until(lambda: ref.statistics().state == "restarting")
        wait_until(lambda: ref.cell.waiting is not None)
        reply = ref.ask("well", block=False)
        clock.advance(wait - 0.1)
        assert not reply.done
        clock.advance(0.2)
        assert reply.get()


def test_what_waits_in_the_mailbox_of_an_actor_that_gives_up_is_dead_and_answered(system):
    gate = threading.Event()

    class Gated(ThreadActor):
        def on_receive(self, message):
            assert gate.wait(10)
            raise ValueError("boom")

    ref = system.start(Gated, name="gated", supervision=Supervision(Intensity(0, 5.0)))
    failing = ref.ask("fails", block=False)
    ref.tell("left")
    asked = ref.ask("left too", block=False)
    gate.set()
    with pytest.raises(ValueError, match="boom"):
        failing.get()
    with pytest.raises(ActorDead, match=r"gated has stopped \(failed: ValueError: boom\)"):
        asked.get()
    letters = [(d.message, d.recipient, d.reason) for d in system.dead_letters]
    assert letters == [
        ("left", "gated", "failed: ValueError: boom"),
        ("left too", "gated", "failed: ValueError: boom"),
    ]
    assert system.statistics().dead_letters == {"failed: ValueError: boom": 2}


@pytest.mark.parametrize("where", ["__init__", "on_start"])
def test_a_restart_that_fails_counts_as_a_failure(system, where):
    born = []

    class Once(LightActor):
        def __init__(self):
            self._maybe("__init__")

        def on_start(self):
            self._maybe("on_start")

        def on_receive(self, message):
            raise ValueError(message)

        def _maybe(self, here):
            born.append(here)
            if here == where and born.count(here) > 1:
                raise OSError("once is enough")

    ref = system.start(Once)
    ref.tell("boom")
    with pytest.raises(ActorDead, match="once is enough"):
        ref.ask("anything")
    assert [type(error) for _, error, _ in system.failures] == [ValueError, *[OSError] * 3]


def test_on_failure_sees_the_error_before_the_restart(system):
    seen = []

    class Notes(LightActor):
        def on_receive(self, message):
            raise KeyError(message)

        def on_failure(self, kind, error, traceback):
            seen.append((kind, str(error), traceback is not None))

    ref = system.start(Notes)
    with pytest.raises(KeyError):
        ref.ask("x")
    ref.stop()
    assert seen == [(KeyError, "'x'", True)]


@pytest.mark.parametrize("hook", ["on_failure", "on_stop"])
def test_a_hook_that_fails_is_reported_and_changes_nothing_else(system, hook):
    class Broken(LightActor):
        def on_receive(self, message):
            if message == "boom":
                raise ValueError("boom")
            return message

    def broken(self, *_):
        raise SystemExit(hook)

    setattr(Broken, hook, broken)
    ref = system.start(Broken)
    ref.tell("boom")
    assert ref.ask("well") == "well"
    assert ref.stop() is True
    assert [str(error) for _, error, _ in system.failures if isinstance(error, SystemExit)] == [
        hook
    ]


def test_a_kill_in_the_middle_of_a_recovery_ends_it(system, wait_until):
    born = []

    class Slow(LightActor):
        def __init__(self):
            born.append(self)

        def on_receive(self, message):
            raise ValueError(message)

        async def on_failure(self, kind, error, traceback):
            await self.actor_ref.system.sleep(3600)

    ref = system.start(Slow)
    ref.tell("boom")
    wait_until(lambda: ref.cell.waiting is not None)
    assert ref.kill().get() is True
    assert len(born) == 1
    assert ref.statistics().state == "stopped"


def test_an_error_whose_text_cannot_be_had_is_contained(system):
    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    class Fails(LightActor):
        def on_receive(self, message):
            raise Unprintable

    ref = system.start(Fails, supervision=Supervision(Intensity(0, 1)))
    ref.tell("x")
    with pytest.raises(ActorDead, match="Unprintable"):
        ref.ask("y")


def test_without_a_listener_failures_are_logged(make_system, caplog):
    system = make_system(on_failure=None)
    ref = system.start(fragile(LightActor), name="fragile")
    ref.tell("boom")
    ref.stop()
    assert "fragile failed in str: ValueError: boom" in caplog.text


@pytest.mark.parametrize("which", ["on_failure", "on_dead_letter"])
def test_a_listener_that_fails_harms_no_actor(make_system, caplog, which):
    def broken(*_):
        raise RuntimeError("broken listener")

    system = make_system(**{which: broken})
    ref = system.start(fragile(LightActor))
    ref.tell("boom")
    ref.stop()
    with pytest.raises(ActorDead):
        ref.tell("dead")
    assert "broken listener" in caplog.text


def test_an_exception_thrown_into_the_dispatcher_leaves_its_actors_running(system, caplog):
    """Somebody's PyThreadState_SetAsyncExc, or a fault of the runtime itself."""

    class Echo(LightActor):
        def on_receive(self, message):
            return message

    ref = system.start(Echo)
    cell, queue = ref.cell, ref.cell.queue

    class Broken:
        def __bool__(self):
            cell.queue = queue
            raise MemoryError("in the middle of a turn")

        def __len__(self):
            return 0

        def append(self, entry):
            queue.append(entry)

    cell.queue = Broken()
    assert ref.ask("x", timeout=5) == "x"
    assert "in the middle of a turn" in caplog.text
