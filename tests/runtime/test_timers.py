from __future__ import annotations

from retinue.actors.runtime import LightActor
from retinue.actors.runtime.timers import NEVER, Timers


class Task:
    def __init__(self, log, name):
        self.log, self.name, self.settled = log, name, False

    def expire(self):
        self.log.append(self.name)


class Other(Task):
    pass


def test_tasks_expire_in_the_order_of_their_moments_and_equal_ones_as_they_came():
    timers, log = Timers(lambda: None), []
    for when, name in ((3, "c"), (1, "a"), (2, "b1"), (2, "b2"), (9, "late")):
        timers.add(when, Task(log, name))
    timers.fire(3)
    assert log == ["a", "b1", "b2", "c"]
    assert timers.next == 9


def test_only_a_task_that_becomes_the_earliest_wakes_the_server():
    woken = []
    timers = Timers(lambda: woken.append("woken"))
    for when in (5, 6, 4, 4, 7):
        timers.add(when, Task([], when))
    assert woken == ["woken"] * 2


def test_settled_tasks_neither_expire_nor_pile_up():
    timers, log = Timers(lambda: None), []
    timers.add(100, Task(log, "kept"))
    for _ in range(10_000):
        task = Task(log, "settled")
        timers.add(50, task)
        task.settled = True
    assert len(timers) <= 2_000
    timers.fire(60)
    assert log == []
    assert timers.pending() == 1
    assert timers.next == 100


def test_tasks_of_a_kind_can_be_taken_out():
    timers, log = Timers(lambda: None), []
    for when, kind in ((3, Task), (1, Other), (2, Other)):
        timers.add(when, kind(log, when))
    assert [task.name for task in timers.remove(Other)] == [1, 2]
    timers.fire(10)
    assert log == [3]
    assert timers.next == NEVER


class SettledLate(Task):
    """Is settled behind the back of whoever looked at it a few times."""

    looks = 0

    @property
    def settled(self):
        self.looks += 1
        return self.looks > 20

    @settled.setter
    def settled(self, value):
        """Nobody else settles it."""


def test_a_system_closes_although_a_task_was_settled_after_its_last_actor_left(make_system, clock):
    system = make_system(clock=clock)
    ref = system.start(LightActor)
    system.timers.add(system.monotonic() + 30.0, SettledLate([], "asked"))
    ref.stop()
    system.close(timeout=5.0)
