"""Progressions: orders of ids over a pile."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.elements import Element, Pile, Progression
from retinue.bus.errors import CodecError, InvalidInput, NotFound


def elements(*ids):
    return [Element(id=id_, created=1.0) for id_ in ids]


@pytest.fixture
def order():
    return Progression([*"abc"], name="talk")


def test_an_order_given_as_one_text_is_refused():
    with pytest.raises(InvalidInput, match="'p-1': give a list of ids"):
        Progression("p-1")


def test_ids_and_elements_can_be_appended_extended_and_inserted(order):
    order.append("d")
    order.extend(elements("e", "f"))
    order.insert(0, Element(id="x", created=1.0))
    assert "".join(order) == "xabcdef"
    assert len(order) == 7


def test_an_id_may_occur_more_than_once_unless_ids_are_unique():
    twice = Progression([*"aba"])
    assert (twice.count("a"), twice.index("a"), list(twice)) == (2, 0, ["a", "b", "a"])
    with pytest.raises(InvalidInput, match="already holds 'a', and its ids are unique"):
        Progression([*"aba"], unique=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda order: order.append("b"),
        lambda order: order.extend("xb"),
        lambda order: order.extend("xx"),
        lambda order: order.insert(0, "b"),
    ],
)
def test_a_repeat_in_a_unique_order_is_refused_and_nothing_of_the_change_stays(change):
    order = Progression([*"abc"], unique=True)
    with pytest.raises(InvalidInput, match="move it instead"):
        change(order)
    assert "".join(order) == "abc"


@pytest.mark.parametrize(
    "take_out", [lambda o: o.remove("b"), lambda o: o.pop(1), lambda o: o.clear()]
)
def test_an_id_that_was_taken_out_of_a_unique_order_may_come_back(take_out):
    order = Progression([*"abc"], unique=True)
    take_out(order)
    order.append("b")
    assert order.count("b") == 1


def test_remove_takes_the_first_occurrence_or_says_that_there_is_none():
    order = Progression([*"abab"])
    order.remove("b")
    assert "".join(order) == "aab"
    with pytest.raises(NotFound, match="does not hold 'x'"):
        order.remove("x")


def test_pop_takes_by_position_or_says_that_nothing_is_there(order):
    assert (order.pop(), order.pop(0), list(order)) == ("c", "a", ["b"])
    with pytest.raises(NotFound, match="nothing at position 5"):
        order.pop(5)


@given(st.text("abcdefg", min_size=1).map(lambda s: "".join(dict.fromkeys(s))), st.data())
def test_a_moved_id_stands_where_it_was_sent_and_the_others_keep_their_order(ids, data):
    order = Progression([*ids], unique=True)
    moved = data.draw(st.sampled_from(ids))
    to = data.draw(st.integers(-len(ids), len(ids) - 1))
    order.move(moved, to)
    assert order[to] == moved
    assert [id_ for id_ in order if id_ != moved] == [id_ for id_ in ids if id_ != moved]


def test_moving_an_id_that_is_not_there_is_refused(order):
    with pytest.raises(NotFound, match="'talk': 3 ids> does not hold 'x'"):
        order.move("x", 0)


def test_reverse_and_clear_change_the_order_in_place(order):
    order.reverse()
    assert "".join(order) == "cba"
    order.clear()
    assert list(order) == []


def test_a_slice_is_a_progression_of_its_own(order):
    part = order[1:]
    part.append("z")
    assert ("".join(part), "".join(order), part.name) == ("bcz", "abc", "talk")


def test_ids_are_found_by_position_and_membership(order):
    assert (order[0], order[-1], order.index("c")) == ("a", "c", 2)
    assert "b" in order
    assert Element(id="b", created=1.0) in order
    assert "x" not in order
    assert 0 not in order
    with pytest.raises(NotFound, match="nothing at position 3"):
        order[3]


def test_an_order_is_resolved_over_a_pile_with_repeats():
    pile = Pile(Element, elements("a", "b", "c"))
    assert [element.id for element in Progression([*"caac"]).resolve(pile)] == ["c", "a", "a", "c"]


def test_resolving_names_the_ids_that_the_pile_has_not(order):
    with pytest.raises(NotFound, match=r"'talk': 3 ids> does not fit .* no element 'b', 'c'"):
        order.resolve(Pile(Element, elements("a")))


def test_two_progressions_run_over_one_pile():
    pile = Pile(Element, elements("a", "b", "c"))
    forward = Progression(pile)
    backward = Progression(reversed(pile))
    assert forward.resolve(pile) == backward.resolve(pile)[::-1]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.booleans())
def test_a_progression_comes_back_from_its_bytes_equal(ids, unique):
    ids = list(dict.fromkeys(ids)) if unique else ids
    order = Progression(ids, id="p-1", name="talk", unique=unique)
    again = Progression.from_bytes(order.to_bytes())
    assert again == order
    assert (again.id, again.name, again.unique, list(again)) == ("p-1", "talk", unique, ids)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"order":[1]}', b'{"order":["a","a"],"unique":true}']
)
def test_bytes_that_are_no_progression_are_refused_and_kept(data):
    with pytest.raises(CodecError) as raised:
        Progression.from_bytes(data)
    assert raised.value.data == data


def test_progressions_are_equal_when_name_rule_and_order_are(order):
    assert order == Progression([*"abc"], name="talk")
    assert order != Progression([*"abc"], name="other")
    assert order != Progression([*"acb"], name="talk")
    assert order != Progression([*"abc"], name="talk", unique=True)
    assert order != ["a", "b", "c"]


def test_iteration_goes_over_one_moment_while_the_order_changes(order):
    seen = [order.append(id_ + "!") or id_ for id_ in order]
    assert seen == ["a", "b", "c"]


@pytest.mark.usefixtures("eager_threads")
def test_threads_that_append_to_a_unique_order_agree_on_one_winner_each():
    order = Progression(unique=True)
    workers, each = 6, 120
    begin = threading.Barrier(workers)
    refused = []

    def work():
        begin.wait(timeout=10)
        for n in range(each):
            try:
                order.append(f"id-{n}")
            except InvalidInput:
                refused.append(n)
            if n:
                order.move(f"id-{n - 1}", 0)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(order) == sorted(f"id-{n}" for n in range(each))
    assert len(refused) == each * (workers - 1)
