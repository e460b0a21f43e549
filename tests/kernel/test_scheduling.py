"""The waiting line and its policies: pure, so no kernel and no clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.actors.scheduling.line import Line
from retinue.actors.scheduling.policies import (
    Fifo,
    Priority,
    RoundRobin,
    Waiting,
    check_priority,
    make_policy,
)
from retinue.bus.errors import InvalidInput


def waiting(task, agent="a", priority=5, fairness="", since=0.0, order=None):
    return Waiting(task, agent, priority, fairness, since, order or int(task))


def drain(line):
    names = []
    while (choice := line.choose()) is not None:
        names.append(choice.waiting.task)
        line.leave(choice.waiting.task)
    return names


def line_of(policy, *entries, max_running=100, max_per_agent=100):
    line = Line(policy, max_running, max_per_agent)
    for entry in entries:
        line.enter(entry)
    return line


def test_fifo_takes_the_longest_waiting_first():
    line = line_of(Fifo(), *(waiting(str(n), agent=f"a{n % 3}") for n in range(1, 8)))
    assert drain(line) == ["1", "2", "3", "4", "5", "6", "7"]


def test_priority_takes_the_most_urgent_first_and_equals_in_order():
    line = line_of(
        Priority(),
        waiting("1", priority=0),
        waiting("2", priority=9),
        waiting("3", priority=5),
        waiting("4", priority=9),
    )
    assert drain(line) == ["2", "4", "3", "1"]


def test_ageing_bounds_how_long_the_least_urgent_waits():
    policy = Priority(ageing=1.0)
    old = waiting("1", priority=0, since=0.0)
    line = line_of(policy, old, waiting("2", priority=9, since=8.9))
    assert drain(line) == ["2", "1"]
    line = line_of(policy, old, waiting("2", priority=9, since=9.1))
    assert drain(line) == ["1", "2"]


def test_round_robin_gives_each_key_its_turn():
    line = line_of(
        RoundRobin(),
        *(waiting(str(n), fairness="greedy") for n in range(1, 5)),
        waiting("5", fairness="modest"),
    )
    assert drain(line) == ["1", "5", "2", "3", "4"]


def test_an_agent_has_one_task_at_a_time_unless_it_takes_more():
    line = line_of(Fifo(), waiting("1"), waiting("2"), waiting("3", agent="b"))
    assert [line.choose().waiting.task, line.choose().waiting.task] == ["1", "3"]
    assert line.choose() is None
    assert "busy with 1" in line.why("2")
    line.set_places("a", 2)
    assert line.choose().waiting.task == "2"


def test_the_cap_on_all_holds_and_a_task_that_waits_for_its_child_lends_its_place():
    line = line_of(Fifo(), waiting("1", "a"), waiting("2", "b"), max_running=1)
    assert line.choose().waiting.task == "1"
    assert line.choose() is None
    assert "cap of 1" in line.why("2")
    line.lend("1")
    assert line.choose().waiting.task == "2"
    line.take_back("1")
    line.leave("2")
    assert line.choose() is None


def test_a_task_that_leaves_while_it_waits_is_never_chosen():
    line = line_of(Fifo(), waiting("1"), waiting("2"))
    assert line.leave("1") is False
    assert drain(line) == ["2"]


def test_the_policy_can_be_swapped_while_tasks_wait():
    line = line_of(Fifo(), waiting("1", priority=0), waiting("2", priority=9))
    line.use(Priority())
    assert drain(line) == ["2", "1"]


def test_a_choice_says_why_and_what_else_waited():
    line = line_of(Priority(), waiting("1", "a", 3), waiting("2", "b", 8))
    choice = line.choose()
    assert (choice.waiting.task, choice.others) == ("2", 1)
    assert "priority 8" in choice.reason
    assert "of 2 waiting" in choice.reason


entries = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.sampled_from(["", "x", "y"])),
    max_size=40,
)
policies = st.sampled_from(["fifo", "priority", "round_robin"])


@given(entries, policies, st.integers(1, 5), st.integers(1, 3), st.randoms())
def test_every_task_is_chosen_once_and_no_cap_is_passed(tasks, name, most, per_agent, chance):
    line = Line(make_policy(name), most, per_agent)
    for agent in "abc":
        line.set_places(agent, 2)
    for n, (agent, priority, fairness) in enumerate(tasks, 1):
        line.enter(waiting(str(n), agent, priority, fairness))
    chosen, running = [], []
    while True:
        choice = line.choose()
        if choice is not None:
            chosen.append(choice.waiting.task)
            running.append(choice.waiting)
            assert len(running) <= most
            for agent in "abc":
                assert sum(w.agent == agent for w in running) <= min(2, per_agent)
        elif running:
            line.leave(running.pop(chance.randrange(len(running))).task)
        else:
            break
    assert sorted(chosen, key=int) == [str(n) for n in range(1, len(tasks) + 1)]


@pytest.mark.parametrize("priority", [-1, 10, 5.0, "5", True, None])
def test_a_priority_out_of_range_is_refused(priority):
    with pytest.raises(InvalidInput, match="0 to 9"):
        check_priority(priority)


def test_an_unknown_policy_is_refused_with_those_that_there_are():
    with pytest.raises(InvalidInput, match="fifo, priority, round_robin"):
        make_policy("random")
