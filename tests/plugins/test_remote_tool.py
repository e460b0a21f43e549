"""Arguments of tools that run elsewhere, checked against the top of a stranger's schema."""

from __future__ import annotations

import pytest

from retinue.bus.errors import InvalidInput
from retinue.plugins.remote_tool import check_shallow

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "pattern": "(a+)+$"},
        "many": {"type": ["integer", "null"]},
        "sure": {"type": "boolean"},
        "odd": {"type": "number"},
        "any": True,
    },
    "required": ["text"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "Object missing required field `text`; it takes text, many, sure, odd, any"),
        ({"text": "a", "b": 1}, "Object contains unknown field `b`; it takes text, many, sure"),
        ({"text": 1}, "Expected string, got integer - at `$.text`"),
        ({"text": "a", "many": 1.5}, "Expected integer or null, got number - at `$.many`"),
        ({"text": "a", "many": True}, "Expected integer or null, got boolean - at `$.many`"),
        ({"text": "a", "sure": 0}, "Expected boolean, got integer - at `$.sure`"),
        ({"text": "a", "odd": None}, "Expected number, got null - at `$.odd`"),
        ([], "its arguments are an object"),
    ],
)
def test_what_the_top_of_the_schema_refuses_is_named_as_msgspec_names_it(args, said):
    with pytest.raises(InvalidInput) as caught:
        check_shallow(args, SCHEMA, "tool 'far.away'")
    assert str(caught.value).startswith(f"tool 'far.away': {said}")


@pytest.mark.parametrize(
    "args",
    [{"text": "a"}, {"text": "a" * 40 + "b", "many": None, "sure": True, "odd": 1, "any": [{}]}],
)
def test_what_it_takes_passes_and_no_pattern_of_a_stranger_is_tried(args):
    check_shallow(args, SCHEMA, "tool 'far.away'")
