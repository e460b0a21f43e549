from __future__ import annotations

import asyncio

import msgspec
import pytest

from retinue.bus.errors import InvalidInput, ModelError
from retinue.plugins.llm import (
    Delta,
    Message,
    ToolChoice,
    ToolSpec,
    choose_tool,
    schema_of,
    structured,
)
from retinue.plugins.llm.scripted import ScriptedModel

ASK = [Message("user", "which city?")]
SEARCH = ToolSpec(
    "search",
    "search for a word",
    {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)
CLOCK = ToolSpec("clock", "tell the time", {"type": "object", "properties": {}})


class City(msgspec.Struct):
    name: str
    size: int


class Map(msgspec.Struct):
    cities: list[City]


class Tree(msgspec.Struct):
    children: list[Tree]


def test_a_fenced_answer_is_decoded_and_the_schema_was_sent():
    model = ScriptedModel(['Sure!\n```json\n{"name": "Bern", "size": 1}\n```'])
    assert asyncio.run(structured(model, ASK, City)) == City("Bern", 1)
    assert model.calls[0].schema["required"] == ["name", "size"]


def test_an_answer_out_of_form_is_shown_to_the_model_once_with_what_is_wrong():
    model = ScriptedModel(['{"name": "Bern"}', '{"name": "Bern", "size": 1}'])
    assert asyncio.run(structured(model, ASK, City)) == City("Bern", 1)
    shown = model.calls[1].messages[-2:]
    assert shown[0] == Message("assistant", '{"name": "Bern"}')
    assert "missing required field `size`" in shown[1].content


def test_a_second_answer_out_of_form_is_a_model_error_with_the_answer():
    model = ScriptedModel(["no", "never", '{"name": "late", "size": 1}'])
    with pytest.raises(ModelError, match=r"'scripted' answered out of form.*'never'"):
        asyncio.run(structured(model, ASK, City))
    assert len(model.calls) == 2


def test_an_answer_that_was_cut_is_not_asked_for_again():
    model = ScriptedModel([[Delta('{"name": "Be'), Delta(finish="length")], "unused"])
    with pytest.raises(ModelError, match="cut at max_tokens=9; allow more"):
        asyncio.run(structured(model, ASK, City, max_tokens=9))
    assert len(model.calls) == 1


def test_a_value_that_fails_its_check_is_asked_for_again():
    def positive(city):
        if city.size < 1:
            raise ValueError("size must be positive")

    model = ScriptedModel(['{"name": "Bern", "size": 0}', '{"name": "Bern", "size": 2}'])
    assert asyncio.run(structured(model, ASK, City, check=positive)) == City("Bern", 2)
    assert "size must be positive" in model.calls[1].messages[-1].content


def test_lists_and_plain_values_are_decoded_too():
    listed = ScriptedModel(['Here: [{"name": "Bern", "size": 1}]'])
    assert asyncio.run(structured(listed, ASK, list[City])) == [City("Bern", 1)]
    assert asyncio.run(structured(ScriptedModel(["```\ntrue\n```"]), ASK, bool)) is True


def test_a_tool_is_chosen_and_offered_by_name():
    model = ScriptedModel(['{"tool": "search", "args": {"word": "x"}}'])
    choice = asyncio.run(choose_tool(model, ASK, [SEARCH, CLOCK]))
    assert choice == ToolChoice("search", {"word": "x"})
    assert "- search: search for a word" in model.calls[0].messages[0].content
    named = [call["properties"]["tool"]["const"] for call in model.calls[0].schema["oneOf"]]
    assert named == ["search", "clock"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('{"tool": "shell", "args": {}}', "tool must be one of search, clock"),
        ('{"tool": "search", "args": {}}', "args of search lack word"),
    ],
)
def test_a_tool_that_is_none_or_lacks_an_argument_is_chosen_again(wrong, told):
    model = ScriptedModel([wrong, '{"tool": "clock", "args": {}}'])
    assert asyncio.run(choose_tool(model, ASK, [SEARCH, CLOCK])).tool == "clock"
    assert told in model.calls[1].messages[-1].content


def test_choosing_from_no_tools_is_refused():
    with pytest.raises(InvalidInput, match="no tools"):
        asyncio.run(choose_tool(ScriptedModel([]), ASK, []))


def test_a_schema_has_its_object_at_the_root():
    assert schema_of(City)["type"] == "object"
    assert "$defs" not in schema_of(City)
    assert list(schema_of(Map)["$defs"]) == ["City"]
    assert list(schema_of(Tree)["$defs"]) == ["Tree"]
