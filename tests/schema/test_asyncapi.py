"""The AsyncAPI document: the official schema accepts it, and it says what is."""

from __future__ import annotations

import copy
import re
from importlib import import_module

import pytest

from retinue.bus import topics
from retinue.bus.messages import EVENTS
from retinue.bus.schema import Names, asyncapi


def test_the_official_schema_accepts_the_document(document, official):
    assert [f"{e.json_path}: {e.message[:200]}" for e in official.iter_errors(document)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["channels"]["events"].update(adress="x"),
        lambda d: d["operations"]["sendLog"].update(action="publish"),
        lambda d: d["components"]["messages"]["tool.called"].update(payloads={}),
        lambda d: d["components"]["schemas"]["ToolCalled"].update(type="objekt"),
        lambda d: d["servers"]["redis"].pop("host"),
        lambda d: d["info"].pop("version"),
    ],
)
def test_the_official_schema_refuses_a_spoilt_one(document, official, spoil):
    spoilt = copy.deepcopy(document)
    spoil(spoilt)
    assert not official.is_valid(spoilt)


def test_every_reference_leads_to_something(document):
    references = list(_references(document))
    assert len(references) > 2 * len(EVENTS)
    assert [ref for ref in references if _found(document, ref) is None] == []


def test_every_event_is_a_message_of_the_channel_and_of_the_stream(document):
    for name in ("events", "log"):
        assert set(document["channels"][name]["messages"]) == set(EVENTS)
    for name in EVENTS:
        payload = document["components"]["messages"][name]["payload"]
        assert payload == {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize("kernel", ["main", "run", "type", "team-2.x"])
def test_the_addresses_are_those_that_the_kernel_uses(kernel):
    channels = asyncapi("1", Names(kernel))["channels"]
    given = {"run": "r-1", "type": "tool.called", "id": "0" * 32}
    assert {name: _address(channels[name], given) for name in _OURS} == {
        "events": topics.channel(kernel, "r-1", "tool.called"),
        "log": topics.stream(kernel),
        "heartbeat": topics.heartbeat_key(kernel),
        "fill": topics.fill_channel(kernel),
        "filled": topics.fill_key(kernel, "0" * 32),
    }


def test_every_parameter_of_an_address_is_described(document):
    for channel in document["channels"].values():
        names = set(re.findall(r"\{(\w+)\}", channel["address"]))
        assert set(channel.get("parameters", {})) == names


def test_a_dialect_has_the_name_that_the_operator_gave_it(document):
    named = asyncapi("1", Names("main", "my:logs", "{main}:agent_events", "my-events"))["channels"]
    assert _address(named["liveLogs"], {}) == "my:logs"
    assert _address(named["agentEvents"], {}) == "{main}:agent_events"
    assert _address(named["orchestratorEvents"], {}) == "my-events"
    assert named["agentEvents"]["x-redis"]["subscribe"].endswith("STREAMS {main}:agent_events ID")
    assert document["channels"]["liveLogs"]["address"] == "raro:live_logs"


def test_the_default_names_of_the_dialects_are_those_of_the_configuration():
    dialects = import_module("retinue.kernel.config").DialectsConfig()
    assert Names().live_logs == dialects.live_logs.channel
    assert Names().agent_events == dialects.agent_events.key
    assert Names().orchestrator_events == dialects.orchestrator_events.channel


def test_only_what_the_kernel_hears_is_received(document):
    received = {
        operation["channel"]["$ref"]
        for operation in document["operations"].values()
        if operation["action"] == "receive"
    }
    sockets = {f"#/channels/{name}Socket" for name in ("events", "run", "orchestrator")}
    assert received == {"#/channels/fill", "#/channels/liveLogs", *sockets}


_OURS = ("events", "log", "heartbeat", "fill", "filled")


def _address(channel, given):
    """The address, with each parameter's value in its place."""
    values = {k: p.get("default") for k, p in channel.get("parameters", {}).items()} | given
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], channel["address"])


def _references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _found(document, reference):
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    return node
