from __future__ import annotations

import threading

import pytest

from retinue.actors.child_specs import ChildSpec
from retinue.actors.runtime import LightActor, ThreadActor
from retinue.actors.supervision import Backoff, Intensity, Supervision
from retinue.actors.supervisor import (
    ListChildren,
    StartChild,
    StopChild,
    Supervisor,
)
from retinue.bus.errors import ActorDead, InvalidInput, NotFound, StartFailed

ONCE = Supervision(Intensity(0, 1.0))


class Noted:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def on_start(self):
        self.log.append(f"start {self.name}")

    def on_stop(self):
        self.log.append(f"stop {self.name}")

    def on_receive(self, message):
        if message == "boom":
            raise ValueError(message)
        return message


class Light(Noted, LightActor):
    pass


class Own(Noted, ThreadActor):
    pass


@pytest.fixture
def log():
    return []


@pytest.fixture
def supervise(system, log):
    """Starts a supervisor over Light children of these names, and empties the log."""

    def start(names="abc", cls=Light, restart="permanent", **options):
        specs = [ChildSpec(name, cls, (log, name), restart=restart) for name in names]
        supervision = options.pop("supervision", None)
        ref = system.start(Supervisor, specs, name="top", supervision=supervision, **options)
        log.clear()
        return ref

    return start


def test_children_start_left_to_right_and_stop_right_to_left(system, log):
    specs = [ChildSpec(name, Light, (log, name)) for name in "abc"]
    system.start(Supervisor, specs).stop()
    assert log == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


@pytest.mark.parametrize("cls", [Light, Own])
@pytest.mark.parametrize(
    ("strategy", "events"),
    [
        ("one_for_one", ["start b"]),
        ("one_for_all", ["stop c", "stop a", "start a", "start b", "start c"]),
        ("rest_for_one", ["stop c", "start b", "start c"]),
    ],
)
def test_a_failed_child_comes_back_with_the_siblings_of_its_strategy(
    system, supervise, log, cls, strategy, events
):
    supervise(cls=cls, strategy=strategy)
    refs = [system.find(name) for name in "abc"]
    with pytest.raises(ValueError, match="boom"):
        refs[1].ask("boom")
    assert [ref.ask("well") for ref in refs] == ["well"] * 3
    assert log == events
    assert [system.find(name) for name in "abc"] == refs


def test_what_waits_for_a_child_is_handled_after_its_restart(system, supervise):
    supervise(strategy="one_for_all")
    b = system.find("b")
    for _ in range(3):
        b.tell("boom")
    replies = [system.find(name).ask("kept", block=False) for name in "abc"]
    assert [reply.get() for reply in replies] == ["kept"] * 3
    assert not system.dead_letters


def test_a_permanent_child_that_stops_by_itself_comes_back_in_its_place(
    system, supervise, log, wait_until
):
    top = supervise()
    system.find("b").stop()
    wait_until(lambda: system.find("b") is not None)
    assert system.find("b").ask("well") == "well"
    assert [child.spec.name for child in top.ask(ListChildren())] == ["a", "b", "c"]
    top.stop()
    assert log == ["stop b", "start b", "stop c", "stop b", "stop a"]


def test_a_killed_child_comes_back(system, supervise, wait_until):
    supervise(restart="transient")
    old = system.find("b")
    old.kill()
    wait_until(lambda: system.find("b") not in (None, old))
    assert system.find("b").ask("well") == "well"


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_a_child_that_is_done_is_forgotten(system, supervise, restart, wait_until):
    top = supervise(restart=restart)
    system.find("b").stop()
    wait_until(lambda: [c.spec.name for c in top.ask(ListChildren())] == ["a", "c"])
    assert system.find("b") is None


def test_a_temporary_child_that_fails_is_not_restarted(system, supervise, wait_until):
    top = supervise(restart="temporary")
    b = system.find("b")
    b.tell("boom")
    wait_until(lambda: not b.is_alive())
    assert [child.spec.name for child in top.ask(ListChildren())] == ["a", "c"]


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


def test_children_are_added_and_dropped_while_it_runs(system, supervise, log):
    top = supervise("a")
    ref = top.ask(StartChild(ChildSpec("new", Light, (log, "new"))))
    with pytest.raises(ValueError, match="boom"):
        ref.ask("boom")
    assert ref.ask("well") == "well"
    assert top.ask(StopChild("new")) is True
    assert system.find("new") is None
    assert log == ["start new", "start new", "stop new"]
    assert [child.spec.name for child in top.ask(ListChildren())] == ["a"]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (StopChild("nobody"), NotFound),
        (StartChild(ChildSpec("a", Light)), InvalidInput),
        (StartChild(ChildSpec("b", len)), InvalidInput),
        (StartChild(ChildSpec("b", Light, ("wrong", "number", "of arguments"))), StartFailed),
    ],
)
def test_a_request_that_is_refused_harms_no_child(system, supervise, log, request_, error):
    top = supervise("a")
    a = system.find("a")
    with pytest.raises(error):
        top.ask(request_)
    assert log == []
    assert system.find("a") is a
    assert [child.spec.name for child in top.ask(ListChildren())] == ["a"]


def test_a_killed_supervisor_takes_its_children_along(system, supervise, wait_until):
    top = supervise("ab")
    refs = [system.find(name) for name in "ab"]
    top.kill().get()
    wait_until(lambda: not any(ref.is_alive() for ref in refs))


def test_a_child_that_does_not_stop_in_time_is_killed(system, clock, wait_until):
    class Hangs(LightActor):
        async def on_receive(self, message):
            await self.actor_ref.system.sleep(10**6)

    top = system.start(Supervisor, [ChildSpec("hangs", Hangs, shutdown=3.0)])
    hangs = system.find("hangs")
    asked = hangs.ask("x", block=False, timeout=10**5)
    wait_until(lambda: hangs.cell.waiting is not None)
    stopping = top.stop(block=False)
    wait_until(lambda: top.cell.waiting is not None)
    clock.advance(3.1)
    assert stopping.get() is True
    with pytest.raises(ActorDead):
        asked.get()


def test_a_sibling_that_cannot_be_paused_in_time_is_started_anew(system, log, clock, wait_until):
    class Hangs(LightActor):
        async def on_receive(self, message):
            if message == "hang":
                await self.actor_ref.system.sleep(10**6)
            return message

    specs = [
        ChildSpec("a", Light, (log, "a")),
        ChildSpec("hangs", Hangs, shutdown=3.0),
    ]
    limits = {"intensity": Intensity(1, 60.0), "backoff": Backoff(first=1.0, jitter=0.0)}
    top = system.start(Supervisor, specs, strategy="one_for_all", **limits)
    old = system.find("hangs")
    old.tell("hang")
    wait_until(lambda: old.cell.waiting is not None)
    system.find("a").tell("boom")
    wait_until(lambda: top.cell.waiting is not None)
    clock.advance(3.1)
    wait_until(lambda: not old.is_alive())
    assert len(top.ask(ListChildren())) == 2
    clock.advance(1.1)
    wait_until(lambda: system.find("hangs") is not None)
    assert system.find("hangs").ask("well") == "well"
    assert system.find("a").ask("well") == "well"
    assert len(top.ask(ListChildren())) == 2
    assert system.find("a").statistics().restarts == 1


def test_closing_the_system_stops_a_tree_in_its_order_and_restarts_nothing(system, supervise, log):
    supervise("abc", cls=Own)
    system.close()
    assert log == ["stop c", "stop b", "stop a"]
