"""Forms made from schemas: first what they make of values, then how they are in the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import expect

from retinue.bus.views import TaskView
from retinue.plugins import AgentSpec

from .browsers import Browsing
from .forms import taker

HERE = __file__.rpartition("/")[0]
FORMS = """async (given) => {
  const { shapeOf, hintOf } = await import("/pages/console/lib/schema.js");
  const { draftOf, valueOf, fits, pathsOf, placed } = await import("/pages/console/lib/draft.js");
  return (%s)({ shapeOf, hintOf, draftOf, valueOf, fits, pathsOf, placed, ...given });
}"""
SCHEMA = AgentSpec.of(taker).schema
WHOLE = {
    "title": "tea",
    "amount": 4,
    "colour": "blue",
    "sure": True,
    "words": ["a", "b\nc"],
    "place": {"town": "Ulm", "number": 7},
    "paid": {"type": "cash", "coins": [1, 2]},
    "share": 0.5,
    "anything": {"deep": [1, None, {"x": "y"}]},
    "slug": "tea",
    "key": "a long enough one",
}


@pytest.fixture(scope="module")
def pure(chromium, daemon) -> Iterator[Any]:
    """Calls a function of JavaScript with the forms' own, and what is given."""
    browsing = Browsing(chromium, daemon)
    page = browsing.page()
    page.goto("/")
    yield lambda function, **given: page.evaluate(FORMS % function, given)
    assert browsing.close() == []


BACK = """({ shapeOf, draftOf, valueOf, schema, value }) => {
  const shape = shapeOf(schema);
  return valueOf(shape, draftOf(shape, value));
}"""
FITS = "({ shapeOf, fits, schema, value }) => fits(shapeOf(schema), value)"
PATHS = """({ shapeOf, draftOf, pathsOf, schema }) => {
  const shape = shapeOf(schema);
  return pathsOf(shape, draftOf(shape)).size;
}"""


def test_a_value_of_every_kind_comes_back_as_it_was(pure):
    assert pure(BACK, schema=SCHEMA, value=WHOLE) == {"value": WHOLE, "errors": []}
    assert pure(
        "({ shapeOf, fits, schema, value }) => fits(shapeOf(schema), value)",
        schema=SCHEMA,
        value=WHOLE,
    )


def test_what_is_left_alone_is_sent_as_its_default_or_not_at_all(pure):
    found = pure(BACK, schema=SCHEMA, value={"title": "tea"})
    assert found == {"value": {"title": "tea", "amount": 3, "sure": False}, "errors": []}


@pytest.mark.parametrize(
    ("schema", "value", "errors"),
    [
        ({"type": "integer"}, "1.5", ["This takes a whole number."]),
        ({"type": "integer"}, "x", ["This is no whole number."]),
        ({"type": "integer"}, "99999999999999999", ["too large for a browser"]),
        ({"type": "integer", "minimum": 2}, "1", ["2 or more"]),
        ({"type": "number", "exclusiveMaximum": 2}, "2", ["less than 2"]),
        ({"type": "string", "maxLength": 2}, "abc", ["at most 2"]),
        ({"type": "string", "maxLength": 2}, "😀😀", []),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, [], ["at least 1"]),
        ({}, {"a": 1}, []),
        ({"type": "string"}, "", ["This is needed."]),
        ({"enum": ["a", "b"]}, "c", ["Choose one."]),
    ],
)
def test_a_value_that_the_schema_does_not_take_is_told_at_its_field(pure, schema, value, errors):
    whole = {"type": "object", "properties": {"f/g": schema}, "required": ["f/g"]}
    found = pure(BACK, schema=whole, value={"f/g": value})["errors"]
    assert [error["path"] for error in found] == ["/f~1g"] * len(errors)
    assert all(told in error["detail"] for told, error in zip(errors, found, strict=True))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"type": "object", "properties": {n: {"$ref": "#"} for n in "abc"}, "required": [*"abc"]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "object", "properties": {"__proto__": {"type": "string"}, "constructor": {}}},
        {"type": ["string", "null", "integer"]},
        {"allOf": [{"type": "object"}, {"required": ["a"]}]},
        {"type": "array", "items": False},
        {"type": "nothing", "properties": {}},
        {"enum": []},
        {"properties": {"a": True, "b": None, "c": 3}},
        True,
        None,
    ],
)
def test_a_schema_of_a_stranger_makes_a_form_that_takes_json_at_least(pure, schema):
    assert pure(PATHS, schema=schema) <= 5000


def test_errors_of_the_api_stand_at_the_fields_they_name_or_around_them(pure):
    errors = [
        {"path": "/input/paid/coins/1", "detail": "first"},
        {"path": "/input/anything/deep", "detail": "second"},
        {"path": "/input/unknown", "detail": "third"},
        {"path": "/agent", "detail": "fourth"},
    ]
    placed = """({ shapeOf, draftOf, pathsOf, placed, schema, value, errors }) =>
      placed(errors, pathsOf(shapeOf(schema), draftOf(shapeOf(schema), value)), "/input")"""
    found = pure(placed, schema=SCHEMA, value=WHOLE, errors=errors)
    assert found["fields"] == {"/paid/coins/1": "first", "/anything": "second"}
    assert [error["detail"] for error in found["rest"]] == ["third", "fourth"]


@pytest.fixture(scope="module", autouse=True)
def taker_here(daemon) -> None:
    """The agent that takes everything is there."""
    daemon.client.post("/v1/agents", dict, {"name": "taker", "agent": f"{HERE}/forms.py:taker"})


@pytest.fixture
def form(shared, browsing) -> Any:
    """The page of the agent that takes everything, as if it was just opened."""
    for at, title in (("runs", "Runs"), ("agents/taker", "taker")):
        browsing.go(shared, at)
        expect(shared.get_by_role("heading", level=1)).to_have_text(title)
    shared.get_by_role("heading", name="Give it work").wait_for()
    return shared


def test_a_filled_form_is_what_the_agent_gets(form, daemon):
    form.get_by_label("title").fill("tea")
    form.get_by_label("amount").fill("4")
    form.get_by_label("colour", exact=True).select_option("blue")
    form.get_by_label("sure").check()
    for word in ("a", "b"):
        form.get_by_role("button", name="to words").click()
        form.get_by_role("group", name="words").get_by_role("textbox").last.fill(word)
    form.get_by_role("button", name="Remove words 1").click()
    form.get_by_label("place", exact=True).check()
    form.get_by_label("town").fill("Ulm")
    form.get_by_label("Kind").select_option("Cash")
    form.get_by_role("button", name="to coins").click()
    form.get_by_role("textbox", name="coins 1").fill("5")
    form.get_by_label("anything").fill('{"x": [1]}')
    expect(form.get_by_label("key", exact=True)).to_have_attribute("type", "password")
    form.get_by_role("button", name="Submit").click()
    form.wait_for_url("**/#/runs/*")
    run = form.url.rpartition("/")[2]
    task = daemon.client.get("/v1/tasks", list[TaskView], {"run": run})[0]
    ended = daemon.client.get(f"/v1/tasks/{task.id}/wait", TaskView, {"wait": 20})
    place, cash = {"town": "Ulm", "number": 1}, {"type": "cash", "coins": [5]}
    assert ended.result == ["tea", 4, "blue", True, ["b"], place, cash, None, {"x": [1]}]


def test_the_first_wrong_field_is_focused_and_says_what_is_wrong(form):
    form.get_by_label("title").fill("tea")
    form.get_by_label("amount").fill("12")
    form.get_by_role("button", name="Submit").click()
    amount = form.get_by_label("amount")
    expect(amount).to_be_focused()
    expect(amount).to_have_attribute("aria-invalid", "true")
    expect(amount).to_have_accessible_description(
        "how many of them; a whole number from 1 to 9 This is too large: it takes 9 or less."
    )


def test_what_only_the_kernel_refuses_is_told_at_its_field(form):
    form.watch.forgive("400")
    form.get_by_label("as JSON").check()
    form.get_by_label("JSON", exact=True).fill('{"title": "tea", "amount": 4, "words": null}')
    form.get_by_label("as JSON").uncheck()
    expect(form.get_by_label("title")).to_have_value("tea")
    form.get_by_label("as JSON").check()
    form.get_by_label("JSON", exact=True).fill('{"title": "tea", "amount": 40}')
    form.get_by_role("button", name="Submit").click()
    expect(form.get_by_role("alert")).to_contain_text("/input/amount")
    form.get_by_label("JSON", exact=True).fill('{"title": "tea", "slug": "A 1"}')
    form.get_by_label("as JSON").uncheck()
    form.get_by_role("button", name="Submit").click()
    expect(form.get_by_label("slug")).to_be_focused()
    expect(form.get_by_label("slug")).to_have_accessible_description(re.compile("regex"))


def test_what_the_fields_cannot_show_stays_as_json(form):
    form.get_by_label("as JSON").check()
    form.get_by_label("JSON", exact=True).fill('{"title": 3}')
    form.get_by_label("as JSON").click()
    expect(form.get_by_role("alert")).to_contain_text("no place for this")
    expect(form.get_by_label("as JSON")).to_be_checked()
    form.get_by_label("JSON", exact=True).fill('{"title": ')
    form.get_by_role("button", name="Submit").click()
    expect(form.get_by_role("alert")).to_contain_text("This is no JSON")


def test_the_values_above_are_those_that_the_agent_takes():
    assert msgspec.json.decode(msgspec.json.encode(WHOLE))["title"] == "tea"
    assert set(WHOLE) == set(SCHEMA["properties"])
