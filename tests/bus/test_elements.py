"""Elements and piles: typed, ordered, whole changes, and safe between threads."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from retinue.bus.clock import ManualClock
from retinue.bus.elements import Element, Pile
from retinue.bus.errors import CodecError, InvalidInput, NotFound
from retinue.bus.ids import Ids


class Note(Element, frozen=True):
    text: str = ""


class Link(Element, frozen=True):
    url: str


def note(id_, text="", created=1.0):
    return Note(id=id_, created=created, text=text)


def notes(*ids):
    return [note(id_) for id_ in ids]


@pytest.fixture
def pile():
    return Pile(Note, notes("a", "b", "c"))


def test_an_element_gets_its_id_and_time_from_what_is_passed_in():
    ids, clock = Ids("boot"), ManualClock(50.0)
    first = Element.create({"a": 1}, {"by": "ada"}, ids=ids, clock=clock)
    clock.advance(2)
    second = Note.create(text="hello", ids=ids, clock=clock)
    assert first == Element(id="e-boot-1", created=50.0, content={"a": 1}, metadata={"by": "ada"})
    assert second == Note(id="e-boot-2", created=52.0, text="hello")


def test_an_element_does_not_change_with_the_content_it_was_made_from():
    content = {"list": [1]}
    element = Element.create(content, ids=Ids("b"), clock=ManualClock())
    content["list"].append(2)
    assert element.content == {"list": [1]}


def test_an_element_cannot_be_changed():
    with pytest.raises(AttributeError):
        note("a").id = "b"


@pytest.mark.parametrize("content", [object(), float("nan"), {1: {2, float("inf")}}])
def test_content_without_a_json_form_is_refused_with_the_elements_id(content):
    with pytest.raises(InvalidInput, match="element e-b-1"):
        Element.create(content, ids=Ids("b"), clock=ManualClock())


def test_an_element_comes_back_from_its_bytes_as_its_own_type_only():
    whole = note("a", "hello")
    assert Note.from_bytes(whole.to_bytes()) == whole
    assert b'"kind":"Note"' in whole.to_bytes()
    with pytest.raises(CodecError, match="Link") as raised:
        Link.from_bytes(whole.to_bytes())
    assert raised.value.data == whole.to_bytes()


def test_a_pile_keeps_the_order_of_inclusion(pile):
    pile.include(*notes("e", "d"))
    assert pile.ids() == ["a", "b", "c", "e", "d"]
    assert [element.id for element in pile] == pile.ids()
    assert [element.id for element in reversed(pile)] == pile.ids()[::-1]
    assert len(pile) == 5


@pytest.mark.parametrize(("index", "order"), [(0, "xabc"), (1, "axbc"), (-1, "abxc"), (99, "abcx")])
def test_insert_puts_elements_where_a_list_would(pile, index, order):
    pile.insert(index, note("x"))
    assert "".join(pile.ids()) == order
    assert pile["x"] == note("x")


@pytest.mark.parametrize("put", [Pile.include, lambda pile, *new: pile.insert(0, *new)])
@pytest.mark.parametrize("new", [("d", "b"), ("d", "d")])
def test_duplicates_are_refused_by_name_and_nothing_of_the_change_stays(pile, put, new):
    with pytest.raises(InvalidInput, match=f"'{new[1]}' is already in the pile: use update"):
        put(pile, *notes(*new))
    assert pile.ids() == ["a", "b", "c"]


def test_update_replaces_where_the_element_stands_and_adds_the_rest(pile):
    pile.update(note("b", "new"), note("d"))
    assert pile.ids() == ["a", "b", "c", "d"]
    assert pile["b"].text == "new"


def test_elements_of_another_type_are_refused_subclasses_too():
    class Sticky(Note, frozen=True):
        pass

    pile = Pile((Note, Link))
    pile.include(note("a"), Link(id="l", created=1.0, url="x"))
    for stranger in (Element(id="e", created=1.0), Sticky(id="s", created=1.0), "text"):
        for change in (pile.include, pile.update, lambda element: pile.insert(0, element)):
            with pytest.raises(InvalidInput, match="takes Note or Link, not"):
                change(stranger)
    assert pile.ids() == ["a", "l"]


@pytest.mark.parametrize("types", [(), str, (Note, int), "Note"])
def test_a_pile_of_what_is_no_element_is_refused(types):
    with pytest.raises(InvalidInput, match="Element"):
        Pile(types)


def test_exclude_takes_all_or_says_what_is_missing_and_takes_none(pile):
    with pytest.raises(NotFound, match="no element 'x', 'y': include it first"):
        pile.exclude("a", "x", "y")
    assert pile.ids() == ["a", "b", "c"]
    pile.exclude("a", pile["c"])
    assert pile.ids() == ["b"]


def test_a_long_list_of_missing_ids_is_counted_rather_than_printed(pile):
    with pytest.raises(NotFound, match=r"'4' and 45 more"):
        pile.select(str(n) for n in range(50))


def test_pop_returns_the_element_or_the_default_or_raises(pile):
    assert pile.pop("b") == note("b")
    assert pile.ids() == ["a", "c"]
    assert pile.pop("b", None) is None
    with pytest.raises(NotFound, match="'b'"):
        pile.pop("b")


def test_elements_are_found_by_id_by_element_and_by_position(pile):
    assert pile["b"] == pile[1] == pile[-2] == pile[note("b")] == note("b")
    assert pile.get("b") == note("b")
    assert pile.get("x") is None
    assert pile.get("x", 7) == 7
    assert "b" in pile
    assert note("b") in pile
    assert "x" not in pile
    assert 1 not in pile
    for absent in ("x", 3, -4):
        with pytest.raises(NotFound):
            pile[absent]


def test_a_slice_is_a_new_pile_of_the_same_types(pile):
    part = pile[1:]
    assert (part.ids(), part.types) == (["b", "c"], (Note,))
    part.clear()
    assert len(pile) == 3


def test_filter_gives_a_new_pile_and_may_use_the_old_one(pile):
    assert pile.filter(lambda element: pile[0] != element).ids() == ["b", "c"]


def test_iteration_goes_over_one_moment_while_the_pile_changes(pile):
    seen = []
    for element in pile:
        seen.append(element.id)
        pile.exclude(element)
        pile.include(note(element.id + "!"))
    assert seen == ["a", "b", "c"]
    assert pile.ids() == ["a!", "b!", "c!"]


def test_a_pile_says_what_it_is(pile):
    assert repr(pile) == "<Pile of Note: 3 elements>"


def test_piles_are_equal_when_types_elements_and_order_are(pile):
    assert pile == Pile(Note, notes("a", "b", "c"))
    assert pile != Pile((Note, Link), notes("a", "b", "c"))
    assert pile != Pile(Note, notes("a", "c", "b"))
    assert pile != ["a", "b", "c"]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
contents = st.none() | texts | st.lists(st.integers(), max_size=3) | st.dictionaries(texts, texts)
elements = st.one_of(
    st.builds(Note, id=texts, created=st.floats(0, 4e9), content=contents, text=texts),
    st.builds(Link, id=texts, created=st.floats(0, 4e9), content=contents, url=texts),
)


@given(st.lists(elements, unique_by=lambda element: element.id, max_size=10))
def test_a_pile_comes_back_from_its_bytes_equal(kept):
    pile = Pile((Note, Link), kept)
    assert Pile.from_bytes(pile.to_bytes(), (Note, Link)) == pile


def test_bytes_that_are_no_pile_of_these_types_are_refused_and_kept(pile):
    twice = pile.to_bytes().replace(b'"b"', b'"a"')
    for data, types in [(b"[", Note), (b"{}", Note), (pile.to_bytes(), Link), (twice, Note)]:
        with pytest.raises(CodecError) as raised:
            Pile.from_bytes(data, types)
        assert raised.value.data == data


def test_a_pile_with_what_json_cannot_carry_does_not_become_bytes():
    with pytest.raises(InvalidInput, match="Pile of Note: 1 elements> holds NaN"):
        Pile(Note, [Note(id="a", created=1.0, content=float("nan"))]).to_bytes()


class PileAgainstLists(RuleBasedStateMachine):
    """Any sequence of changes leaves what the same changes leave in a plain list."""

    def __init__(self):
        super().__init__()
        self.pile = Pile(Note)
        self.model = []

    @rule(id_=st.sampled_from("abcdefgh"), index=st.integers(-9, 9))
    def insert(self, id_, index):
        if id_ in [element.id for element in self.model]:
            with pytest.raises(InvalidInput):
                self.pile.insert(index, note(id_))
        else:
            self.pile.insert(index, note(id_))
            self.model.insert(index, note(id_))

    @rule(ids=st.lists(st.sampled_from("abcdefgh"), unique=True), text=texts)
    def update(self, ids, text):
        new = {id_: note(id_, text) for id_ in ids}
        self.pile.update(*new.values())
        self.model = [new.pop(element.id, element) for element in self.model] + list(new.values())

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def take(self, data):
        element = data.draw(st.sampled_from(self.model))
        if data.draw(st.booleans()):
            self.pile.exclude(element)
        else:
            assert self.pile.pop(element.id) == element
        self.model.remove(element)

    @invariant()
    def is_the_same(self):
        assert list(self.pile) == self.model
        assert self.pile.ids() == [element.id for element in self.model]
        assert len(self.pile) == len(self.model)


TestPileAgainstLists = PileAgainstLists.TestCase


@pytest.mark.usefixtures("eager_threads")
def test_threads_that_include_and_exclude_at_once_lose_and_double_nothing():
    pile = Pile(Note)
    workers, each = 6, 400
    begin = threading.Barrier(workers + 1)
    refused, torn = [], []

    def work(worker):
        begin.wait(timeout=10)
        for n in range(each):
            pile.insert(0, *notes(f"{worker}-{n}", f"{worker}-{n}'"))
            try:
                pile.include(note(f"shared-{n}"))
            except InvalidInput:
                refused.append(n)
            if n % 2:
                pile.exclude(f"{worker}-{n}", f"{worker}-{n}'")

    def watch():
        begin.wait(timeout=10)
        while any(thread.is_alive() for thread in threads):
            ids = [element.id for element in pile if not element.id.startswith("shared")]
            torn.extend(
                id_ for id_, twin in zip(ids[::2], ids[1::2], strict=True) if twin != id_ + "'"
            )

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    watch()
    for thread in threads:
        thread.join(timeout=30)
    own = {f"{w}-{n}{end}" for w in range(workers) for n in range(0, each, 2) for end in ("", "'")}
    assert torn == []
    assert set(pile.ids()) == own | {f"shared-{n}" for n in range(each)}
    assert len(refused) == each * (workers - 1)
    assert pile.ids() == [element.id for element in pile.snapshot()]
