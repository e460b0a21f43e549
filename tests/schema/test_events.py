"""JSON Schema of the events: what was ever written fits it, and what is wrong does not."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from retinue.bus import wire
from retinue.bus.errors import NotFound
from retinue.bus.messages import COMMANDS, EVENTS
from retinue.bus.schema import ATTRIBUTES, command_document, event_document

GOLDEN = Path(__file__).parents[1] / "bus" / "golden"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_form_that_was_ever_written_fits_the_schema(path, valid, exact):
    event = json.loads(path.read_bytes())
    assert valid(event) == []
    assert exact(event) == []


@pytest.mark.parametrize("type", sorted(EVENTS))
def test_a_field_of_the_wrong_type_is_refused(type, golden, valid):
    event = golden(type)
    for field in msgspec.structs.fields(EVENTS[type]):
        if field.type is not msgspec.Raw:
            spoilt = event | {"data": event["data"] | {field.name: _wrong(field.type)}}
            assert any(field.name in said for said in valid(spoilt)), f"{type}.{field.name}"


@pytest.mark.parametrize("type", sorted(EVENTS))
def test_an_event_without_what_it_always_has_is_refused(type, golden, valid):
    event = golden(type)
    for name in event_document([type])["$defs"][EVENTS[type].__name__]["required"]:
        data = {k: v for k, v in event["data"].items() if k != name}
        assert valid(event | {"data": data}), f"{type} without {name}"


@pytest.mark.parametrize(
    "changed",
    [
        {"specversion": "2.0"},
        {"sequence": "17"},
        {"sequence": 17},
        {"time": "yesterday"},
        {"source": "elsewhere"},
        {"previous": 16},
        {"data": None},
        {"dataref": "/v1/events/17", "databytes": 70_000},
        {"coalesced": 1},
    ],
)
def test_a_wrong_attribute_is_refused(changed, golden, valid):
    assert valid(golden("agent.text") | changed)


def test_an_event_by_reference_has_no_data(golden, valid):
    event = golden("agent.text")
    del event["data"]
    assert valid(event)
    assert valid(event | {"dataref": "/v1/events/17"})
    assert valid(event | {"dataref": "/v1/events/17", "databytes": 70_000}) == []


def test_what_a_later_version_adds_is_accepted_by_readers_and_not_by_the_exact_form(
    golden, valid, exact
):
    event = golden("agent.text")
    for later in (
        event | {"later": "x"},
        event | {"data": event["data"] | {"later": [1]}},
    ):
        assert valid(later) == []
        assert exact(later) != []


def test_the_schema_names_every_attribute_that_is_written():
    written = {field.encode_name for field in msgspec.structs.fields(wire._WireWithMore)}
    assert written == set(ATTRIBUTES)


def test_types_are_chosen_by_globs():
    assert event_document(["tool.called"])["$ref"] == "#/$defs/tool.called"
    chosen = event_document(["tool.*", "llm.called"])
    assert {one["$ref"] for one in chosen["anyOf"]} == {
        f"#/$defs/{name}" for name in EVENTS if name.startswith("tool.") or name == "llm.called"
    }


def test_an_unknown_type_is_refused_with_the_nearest():
    with pytest.raises(NotFound, match=r"'tool\.cold', but there is 'tool\.called'"):
        event_document(["tool.cold"])


def test_every_command_is_described():
    names = {one["$ref"].rpartition("/")[2] for one in command_document()["anyOf"]}
    assert names == set(COMMANDS)


@pytest.fixture
def golden():
    """``golden(type)``: the newest form of the type."""

    def newest(type):
        paths = (path for path in GOLDEN.glob("*.json") if path.stem.partition("@")[0] == type)
        return json.loads(max(paths, key=lambda path: (len(path.stem), path.stem)).read_bytes())

    return newest


def _wrong(hint):
    """A value of another type."""
    return {"neither": "nor"} if hint in (float, float | None) else 1.5
