"""What a supervisor does about children that fail: waits, restarts, gives up."""

from __future__ import annotations

import threading

import pytest

from retinue.actors.child_specs import ChildSpec
from retinue.actors.runtime import LightActor, ThreadActor
from retinue.actors.supervision import Backoff, Intensity, Supervision
from retinue.actors.supervisor import ListChildren, Supervisor
from retinue.bus.errors import StartFailed

from .children import Light

ONCE = Supervision(Intensity(0, 1.0))


def test_a_back_off_is_waited_out_without_holding_the_supervisor(
    system, supervise, clock, wait_until
):
    top = supervise(backoff=Backoff(first=2.0, jitter=0.0))
    b = system.find("b")
    b.tell("boom")
    wait_until(lambda: b.statistics().state == "restarting")
    assert len(top.ask(ListChildren())) == 3
    reply = b.ask("kept", block=False)
    clock.advance(1.9)
    top.ask(ListChildren())
    assert not reply.done
    clock.advance(0.2)
    assert reply.get() == "kept"


def test_a_supervisor_that_gives_up_ends_its_children_and_fails(
    system, supervise, failures, wait_until
):
    top = supervise(intensity=Intensity(1, 60.0), supervision=ONCE)
    refs = [top, *(system.find(name) for name in "abc")]
    refs[2].tell("boom")
    refs[2].tell("boom")
    wait_until(lambda: not any(ref.is_alive() for ref in refs))
    assert failures == [("b", "ValueError"), ("b", "ValueError"), ("top", "RestartsExhausted")]
    assert system.refs() == []


def test_failure_climbs_the_tree_and_only_as_far_as_it_must(system, log, wait_until):
    inner = [ChildSpec(name, Light, (log, name)) for name in "xy"]
    options = {"intensity": Intensity(0, 60.0)}
    outer = [
        ChildSpec("left", Supervisor, (inner,), options),
        ChildSpec("right", Light, (log, "right")),
    ]
    top = system.start(Supervisor, outer, name="top")
    left, right, x = (system.find(name) for name in ("left", "right", "x"))
    log.clear()
    x.tell("boom")
    wait_until(lambda: log == ["stop y", "start x", "start y"])
    assert system.find("x").ask("well") == "well"
    assert (system.find("left"), system.find("right")) == (left, right)
    assert left.statistics().restarts == 1
    assert right.statistics().restarts == top.statistics().restarts == 0


def test_a_supervisor_whose_child_does_not_start_stops_the_others_and_does_not_start(system, log):
    class Broken(LightActor):
        def on_start(self):
            raise OSError("no port")

    specs = [ChildSpec("a", Light, (log, "a")), ChildSpec("b", Broken)]
    with pytest.raises(StartFailed, match="b did not start: OSError: no port"):
        system.start(Supervisor, specs, supervision=ONCE)
    assert log == ["start a", "stop a"]
    assert system.refs() == []


def test_a_child_whose_restart_fails_is_decided_on_again(system, wait_until, failures):
    born = []

    class Weak(LightActor):
        def on_start(self):
            born.append("start")
            if 1 < len(born) < 4:
                raise OSError("not yet")

        def on_receive(self, message):
            if message == "boom":
                raise ValueError(message)
            return message

    system.start(Supervisor, [ChildSpec("weak", Weak)], intensity=Intensity(5, 60.0))
    weak = system.find("weak")
    weak.tell("boom")
    assert weak.ask("well") == "well"
    assert [error for _, error in failures] == ["ValueError", "OSError", "OSError"]


def test_two_siblings_that_fail_together_are_both_restarted(system, supervise, wait_until):
    supervise("ab", strategy="one_for_all", intensity=Intensity(1000, 60.0))
    a, b = system.find("a"), system.find("b")
    for _ in range(50):
        a.tell("boom")
        b.tell("boom")
    assert (a.ask("well"), b.ask("well")) == ("well", "well")
    assert (system.find("a"), system.find("b")) == (a, b)
    assert not system.dead_letters


def test_a_child_that_fails_while_it_is_to_be_paused_is_restarted_once(
    system, log, failures, wait_until
):
    gate, entered = threading.Event(), threading.Event()

    class Gated(ThreadActor):
        def on_receive(self, message):
            if message == "boom":
                entered.set()
                assert gate.wait(10)
                raise ValueError(message)
            return message

    specs = [ChildSpec("a", Light, (log, "a")), ChildSpec("b", Gated)]
    options = {"strategy": "one_for_all", "intensity": Intensity(1, 60.0)}
    top = system.start(Supervisor, specs, **options)
    a, b = system.find("a"), system.find("b")
    b.tell("boom")
    assert entered.wait(10)
    a.tell("boom")
    wait_until(lambda: top.cell.waiting is not None)
    gate.set()
    assert (a.ask("well"), b.ask("well")) == ("well", "well")
    assert len(top.ask(ListChildren())) == 2
    assert (a.statistics().restarts, b.statistics().restarts) == (1, 1)
    assert set(failures) == {("a", "ValueError"), ("b", "ValueError")}
