from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.plugins.llm.parsing import FieldText, JsonText, first_json

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.text(
    '"\\{}[],: \n😀é', max_size=30
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PROSE = st.text('abc.\n `*"', max_size=20) | st.just("Sure, {name}!\n```json\n")


@st.composite
def chunked(draw, texts):
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def answers(path):
    """A model's text around an object with a string at ``path``: the text and that string."""

    def nest(parts):
        before, value, rest, ascii_only, after = parts
        for key in reversed(path):
            value = {**{k: v for k, v in rest.items() if k != key}, key: value}
        return before + json.dumps(value, ensure_ascii=ascii_only) + after

    return st.tuples(
        PROSE, TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3), st.booleans(), PROSE
    ).map(nest)


@given(chunked(answers(["answer"])))
def test_json_is_found_amid_prose_however_it_is_cut(chunks):
    whole = "".join(chunks)
    parser = JsonText()
    found = "".join(map(parser.feed, chunks))
    assert found == first_json(whole)
    assert parser.done
    assert "answer" in json.loads(found)


@pytest.mark.parametrize("path", [("answer",), ("args", "query"), ("a", "a", "a")])
def test_the_text_of_a_field_is_the_same_however_it_is_cut(path):
    @given(chunked(answers(path)))
    def check(chunks):
        value = json.loads(first_json("".join(chunks)))
        for key in path:
            value = value[key]
        field = FieldText(*path)
        assert "".join(map(field.feed, chunks)) == value
        assert field.done

    check()


def test_the_text_of_a_field_comes_before_its_string_is_closed():
    field = FieldText("answer")
    assert [field.feed(chunk) for chunk in ('{"an', 'swer": "Hel', "lo \\u00e", "9", '!"')] == [
        "",
        "Hel",
        "lo ",
        "é",
        "!",
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"other": {"answer": "no"}, "answer": "yes"}',
        '{"list": [{"answer": "no"}, "answer", "no"], "answer": "yes"}',
        '{"key": "answer", "answer": "yes"}',
        '{"answers": "no", "answe": "no", "answer": "yes"}',
        '{"\\u0061nswer": "yes"}',
    ],
)
def test_only_the_field_at_the_path_is_read(text):
    assert FieldText("answer").feed(text) == "yes"


def test_a_field_that_is_no_string_gives_no_text():
    assert FieldText("answer").feed('{"answer": ["no"], "b": "no"}') == ""


def test_an_emoji_cut_between_its_two_escapes_is_whole_and_a_half_one_is_replaced():
    field = FieldText("a")
    assert field.feed('{"a": "\\ud83d') + field.feed('\\ude00 \\ud83d x"}') == "😀 \ufffd x"


@pytest.mark.parametrize(
    ("text", "opens", "found"),
    [
        ('```json\n{"a": 1}\n```', "{", '{"a": 1}'),
        ('Use {name} here: {"a": "}"} and {"b": 2}', "{", '{"a": "}"}'),
        ('Here: [{"a": 1}, 2] done', "[", '[{"a": 1}, 2]'),
        ('```json\n"yes"\n```', "{", '"yes"'),
        ("no json", "{", "no json"),
    ],
)
def test_fences_and_prose_are_dropped(text, opens, found):
    assert first_json(text, opens) == found


def test_parsing_is_linear_in_four_character_chunks():
    short, long = steps(5_000), steps(20_000)
    assert 3.5 < long / short < 4.5


def test_a_parser_holds_no_more_of_a_long_text_than_of_a_short_one():
    assert held(200_000) <= held(2_000)


def steps(size):
    """Lines executed while ``size`` characters are parsed in chunks of four."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    chunks = list(pieces(size))
    field = FieldText("answer")
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for chunk in chunks:
            field.feed(chunk)
    finally:
        sys.settrace(before)
    return count


def held(size):
    """The most bytes the parsers' states took between two chunks."""
    field = FieldText("answer")
    most = 0
    for chunk in pieces(size):
        field.feed(chunk)
        states = [field, field._json, *([field._string] if field._string else [])]
        most = max(most, sum(sys.getsizeof(v) for s in states for v in vars(s).values()))
    return most


def pieces(size):
    text = json.dumps({"note": "x" * 10, "answer": 'line\n "quoted" é ' * (size // 20)})
    return (text[at : at + 4] for at in range(0, len(text), 4))
