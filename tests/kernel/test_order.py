"""The order of tasks and runs: newest first, from any of them, at the same cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from retinue.actors.order import Order
from retinue.actors.task_table import TaskTable
from retinue.actors.tasks import Task
from retinue.bus.errors import NotFound

_MOVES = st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=600)


@given(_MOVES)
def test_whatever_comes_and_goes_the_rest_is_in_order_from_anywhere(moves):
    order, model = Order(), []
    for comes, number in moves:
        name = str(number)
        if comes and name not in model:
            order.add(name)
            model.append(name)
        elif not comes and name in model:
            order.drop(name)
            model.remove(name)
    assert [*order.newest()] == model[::-1]
    for place, name in enumerate(model):
        assert [*order.newest(name)] == model[:place][::-1]


def test_what_is_there_twice_is_told_once():
    order = Order(["a", "b"])
    order.add("a")
    assert [*order.newest()] == ["b", "a"]
    assert [*order.newest("none")] == []


def test_a_reader_goes_on_while_the_writer_begins_a_new_list():
    order = Order(map(str, range(1000)))
    reader = order.newest("500")
    assert next(reader) == "499"
    for number in range(400, 1000):
        order.drop(str(number))
    assert [*reader] == [str(number) for number in range(399, -1, -1)]


def test_ended_tasks_that_are_forgotten_leave_the_lists_and_the_count():
    table = TaskTable(keep=3)
    for number in range(10):
        table.add(task(number))
        assert table.open_runs == 1
        table.end(table.tasks[f"t-{number}"], "succeeded", float(number))
    assert [one.id for one in table.newest()] == ["t-9", "t-8", "t-7"]
    assert [one.id for one in table.newest_runs("r-8")] == ["r-7"]
    assert table.open_runs == 0
    with pytest.raises(NotFound):
        table.newest("t-1")
    again = TaskTable.of(table.tasks.values(), table.runs.values(), table.tallies(), 3)
    assert [one.id for one in again.newest_runs()] == ["r-9", "r-8", "r-7"]
    again.add(task(10))
    assert (again.open_runs, next(again.newest()).id) == (1, "t-10")


def task(number: int) -> Task:
    return Task(
        f"t-{number}", f"r-{number}", "shout", "", Raw(b"{}"), 5, "", "", 1, None, None, 0.0
    )
