"""``retinue schema``."""

from __future__ import annotations

import json

import pytest

from retinue.bus.messages import EVENTS


def test_the_document_is_printed_for_the_kernel_that_is_named(retinue):
    said = retinue("schema", "asyncapi", "--kernel", "blue")
    assert (said.code, said.err) == (0, "")
    channels = json.loads(said.out)["channels"]
    assert channels["log"]["parameters"]["kernel"]["enum"] == ["{blue}"]
    assert "retinue:{blue}:log" in channels["log"]["x-redis"]["subscribe"]


def test_as_json_it_is_one_line_of_the_same(retinue):
    line, indented = retinue("schema", "asyncapi", "--json"), retinue("schema", "asyncapi")
    assert line.out.count("\n") == 1
    assert json.loads(line.out) == json.loads(indented.out)


def test_the_names_of_the_channels_are_those_of_the_settings(retinue, monkeypatch):
    monkeypatch.setenv("RETINUE_OBSERVERS_DIALECTS_LIVE_LOGS_CHANNEL", "my:logs")
    said = retinue("schema", "asyncapi", "--json")
    assert json.loads(said.out)["channels"]["liveLogs"]["address"] == "my:logs"


def test_events_are_printed_all_or_by_type(retinue):
    every = json.loads(retinue("schema", "events", "--json").out)
    assert set(EVENTS) < set(every["$defs"])
    one = json.loads(retinue("schema", "events", "tool.called").out)
    assert set(one["$defs"]) == {"event", "tool.called", "ToolCalled"}


def test_commands_are_printed(retinue):
    said = json.loads(retinue("schema", "commands", "--json").out)
    assert "SubmitTask" in said["$defs"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("events", "tool.cold"), 66, "but there is 'tool.called'"),
        (("asyncapi", "--kernel", "A b"), 78, "lower-case letters"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(retinue, arguments, code, says):
    said = retinue("schema", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (code, "", 1)
    assert says in said.err
