"""Input is filled by name, typed as annotated, and refused with path, rule and remedy."""

from __future__ import annotations

import datetime as dt
import enum
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.plugins import AgentSpec, InvalidInput, Tool, agent, tool


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float = 1.0


@tool
def draw(
    at: Point,
    colour: Colour = Colour.RED,
    mode: Literal["fast", "fine"] = "fast",
    width: Annotated[int, msgspec.Meta(ge=1, description="in pixels")] = 1,
    tags: list[str] = [],  # noqa: B006 - that it is given as it is, is the point
    note: str | None = None,
):
    """Draw a point.

    Args:
        at: where
            on the canvas
        mode (str): how
        width: this one has a description of its own

    Returns:
        nothing: at all
    """


@agent
async def anything(ctx, /, **free: Any):
    return free


@agent
async def numbers(ctx, first: int, **rest: int):
    return rest


@agent
async def later(ctx, what: DefinedLater):
    return what.name


class DefinedLater(msgspec.Struct):
    name: str


def test_values_arrive_typed_and_defaults_filled_in():
    checked = draw.check({"at": {"x": 1}})
    assert checked == {
        "at": Point(1, 1.0),
        "colour": Colour.RED,
        "mode": "fast",
        "width": 1,
        "tags": [],
        "note": None,
    }
    assert draw.check(b'{"at":{"x":2,"y":3},"colour":"red"}')["at"] == Point(2, 3.0)


def test_the_schema_says_types_defaults_bounds_and_descriptions():
    schema = draw.schema
    assert schema["required"] == ["at"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["at"] == {
        "$ref": "#/$defs/Point",
        "description": "where on the canvas",
    }
    assert schema["properties"]["mode"] == {
        "enum": ["fast", "fine"],
        "default": "fast",
        "description": "how",
    }
    assert schema["properties"]["width"]["minimum"] == 1
    assert schema["properties"]["width"]["description"] == "in pixels"
    assert set(schema["$defs"]) == {"Point", "Colour"}
    json.dumps(schema)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "missing required field `at`"),
        ({"at": {}}, r"missing required field `x` - at `\$.at`"),
        ({"at": {"x": "1"}}, r"Expected `int`, got `str` - at `\$.at.x`"),
        ({"at": {"x": 1}, "colour": "blue"}, r"Invalid enum value 'blue' - at `\$.colour`"),
        ({"at": {"x": 1}, "width": 0}, r"Expected `int` >= 1 - at `\$.width`"),
        ({"at": {"x": 1}, "what": 1}, "contains unknown field `what`"),
        ({"at": {"x": 1}, "note": 1}, r"Expected `str \| null`, got `int` - at `\$.note`"),
        (b"[1]", "Expected `object`, got `array`"),
        (b"{", "truncated"),
        (b"", "truncated"),
        (b'"\xff"', "tool 'draw': "),
        (b"[" * 100_000, "tool 'draw': "),
        ({"at": object()}, "its input cannot be encoded"),
        ({"at": {"x": 1, "y": float("nan")}}, "its input holds NaN"),
    ],
)
def test_a_wrong_input_is_refused_with_its_path_and_what_is_taken(given, says):
    with pytest.raises(InvalidInput, match=says) as refused:
        draw.check(given)
    assert str(refused.value).startswith("tool 'draw': ")


def test_the_refusal_ends_with_what_the_function_takes():
    with pytest.raises(InvalidInput, match=r"it takes first: int, \*\*rest: int\Z"):
        numbers.check({"first": "x"})


def test_free_parameters_take_what_is_left():
    assert anything.check({"ctx": 1, "self": [2]}) == {"ctx": 1, "self": [2]}
    assert numbers.check({"first": 1, "b": 2}) == {"first": 1, "b": 2}
    assert anything.schema["additionalProperties"] is True
    assert numbers.schema["additionalProperties"] == {"type": "integer"}


@pytest.mark.parametrize("given", [{"first": 1, "b": "x"}, {"b": 1}, {"first": 1, "ctx": 2}])
def test_free_parameters_are_checked_too(given):
    with pytest.raises(InvalidInput, match="agent 'numbers': "):
        numbers.check(given)


def test_annotations_may_name_what_the_module_defines_later():
    assert later.check({"what": {"name": "x"}})["what"].name == "x"


def test_a_type_that_json_cannot_carry_is_refused_by_the_parameter_s_name():
    def odd(ctx, sock: object, when: dt.datetime):
        pass

    with pytest.raises(InvalidInput, match="agent 'odd': parameter 'sock: object' cannot be read"):
        AgentSpec.of(odd).schema  # noqa: B018


def test_a_type_that_is_local_to_a_function_is_refused_with_the_remedy():
    class Local(msgspec.Struct):
        x: int

    def odd(ctx, it: Local):
        pass

    with pytest.raises(InvalidInput, match=r"'it: Local'.*module-level type"):
        AgentSpec.of(odd).check({"it": {"x": 1}})


def test_a_default_that_is_mutable_is_passed_as_python_would():
    assert draw.check({"at": {"x": 1}})["tags"] is draw.function.__defaults__[3]


TYPES = {
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(exclude_categories=["Cs"])),
    list[int]: st.lists(st.integers(-(2**53), 2**53)),
    dict[str, bool]: st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.booleans()
    ),
    dt.date: st.dates(),
    str | None: st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    tuple[int, str]: st.tuples(st.integers(0, 9), st.text("abc")),
}
NAMES = st.lists(st.sampled_from(["a", "b", "c", "class_", "type", "id", "schema"]), unique=True)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_signature_takes_exactly_what_it_was_made_from(data):
    names = data.draw(NAMES)
    kinds = {name: data.draw(st.sampled_from(list(TYPES))) for name in names}
    values = {name: data.draw(TYPES[kind]) for name, kind in kinds.items()}
    made = _function(kinds)
    checked = made.check(msgspec.json.encode(values))
    assert checked == values
    assert set(made.schema["properties"]) == set(names) == set(made.schema["required"])
    with pytest.raises(InvalidInput, match="unknown field `zz`"):
        made.check({**values, "zz": 1})
    for name in names:
        with pytest.raises(InvalidInput, match=f"missing required field `{name}`"):
            made.check({key: value for key, value in values.items() if key != name})


def _function(kinds: dict[str, Any]) -> Tool:
    scope: dict[str, Any] = {}
    exec(f"def made({', '.join(kinds)}): pass", scope)
    scope["made"].__annotations__ = kinds
    return Tool(scope["made"])
