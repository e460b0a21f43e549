from __future__ import annotations

import pytest

from retinue.actors.child_specs import ChildSpec
from retinue.actors.runtime import LightActor, ThreadActor
from retinue.actors.supervision import Backoff, Intensity
from retinue.actors.supervisor import ListChildren, StartChild, StopChild, Supervisor
from retinue.bus.errors import ActorDead, InvalidInput, NotFound, StartFailed

from .children import Light, Noted


class Own(Noted, ThreadActor):
    pass


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


def test_an_optional_child_that_does_not_start_is_tried_again_and_keeps_nobody_waiting(
    system, clock, failures, log, wait_until
):
    broken = [True]

    class Shy(Light):
        def on_start(self):
            if broken[0]:
                raise ValueError("not yet")
            super().on_start()

    specs = [ChildSpec("a", Light, (log, "a")), ChildSpec("b", Shy, (log, "b"), optional=True)]
    top = system.start(Supervisor, [*specs, ChildSpec("c", Light, (log, "c"))])
    assert log == ["start a", "start c"]
    assert failures == [("Supervisor-1", "StartFailed")]
    broken[0] = False
    assert len(top.ask(ListChildren())) == 2  # so its restart is due by now
    clock.advance(1.0)
    wait_until(lambda: len(top.ask(ListChildren())) == 3)
    assert log == ["start a", "start c", "start b"]
