"""The orchestrator-events dialect, message by message."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import AgentText, AgentThought, ToolCalled, ToolReturned, type_of
from retinue.bus.redis.dialects import ORCHESTRATOR_CHANNEL, OrchestratorEvents


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (AgentText("piece"), {"type": "text_generation", "data": "piece"}),
        (AgentThought("look it up"), {"type": "reasoning", "content": "look it up"}),
        (
            ToolCalled("c-1", "echo.say", Raw(b'{"text":"hi"}')),
            {"type": "tool_use", "tool_name": "echo.say", "tool_input": {"text": "hi"}},
        ),
    ],
)
def test_a_message_has_its_fields_and_the_time_in_seconds(body, message):
    ((kind, name, payload),) = OrchestratorEvents().project(_event(body))
    assert (kind, name) == ("channel", ORCHESTRATOR_CHANNEL)
    assert json.loads(payload) == {**message, "timestamp": 1703123456.789}


def test_other_events_have_no_form_in_the_dialect():
    assert OrchestratorEvents().project(_event(ToolReturned("c", "t", ok=True, seconds=0))) == ()


def test_its_channel_is_the_one_that_its_consumers_know():
    assert ORCHESTRATOR_CHANNEL == "orchestrator_events"


def _event(body):
    kind = type_of(type(body))
    return Event(1, Envelope("e-1", kind, 1703123456.789, encode(body), "r-1", "t-1", "librarian"))
