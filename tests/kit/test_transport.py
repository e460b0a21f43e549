"""What observers would get, without Redis: the same bytes, the same selection, the same trouble."""

from __future__ import annotations

import json

import pytest

from retinue.kernel import Config
from retinue.kernel.config import ObserversConfig
from retinue.kernel.testing import running_kernel
from retinue.plugins import agent
from retinue.plugins.llm import complete
from retinue.plugins.llm.model import Message


@agent
async def shout(ctx, text: str) -> str:
    ctx.thought("louder")
    if text == "ask":
        return (await complete(ctx.model, [Message("user", text)])).text
    return text.upper()


@pytest.fixture
def kernel():
    with running_kernel("lab", answers=["as it was told"]) as started:
        started.spawn("shout", shout)
        yield started


def test_an_observer_sees_every_event_once_and_in_order(kernel):
    task = kernel.submit("shout", {"text": "hello"})
    kernel.settle()
    kept = list(kernel.events(follow=False))
    assert [e.seq for e in kernel.observed] == [e.seq for e in kept]
    assert [e.body for e in kernel.observed] == [e.envelope.body for e in kept]
    assert [e.previous for e in kernel.observed] == [e.seq - 1 for e in kept]
    last = kernel.observed[-1]
    assert (last.type, last.run) == ("run.succeeded", task.run)


def test_messages_are_cloud_events_on_the_channels_of_redis(kernel):
    task = kernel.submit("shout", {"text": "hello"})
    kernel.settle()
    channels = [channel for channel, _ in kernel.transport.messages]
    assert f"retinue:{{lab}}:events:{task.run}:agent.thought" in channels
    wire = json.loads(kernel.transport.messages[-1][1])
    assert (wire["specversion"], wire["source"]) == ("1.0", "retinue:lab")


def test_only_what_is_selected_is_observed():
    config = Config(observers=ObserversConfig(include=("agent.*",), exclude=("agent.spawned",)))
    with running_kernel(config=config) as kernel:
        kernel.spawn("shout", shout)
        kernel.submit("shout", {"text": "hello"})
        kernel.settle()
        assert [e.type for e in kernel.observed] == ["agent.thought"]


def test_observers_that_are_away_hold_nothing_up_and_are_filled_in_later(kernel):
    kernel.transport.away = "the line is cut"
    task = kernel.submit("shout", {"text": "hello"})
    kernel.advance(5)
    assert task.done
    assert kernel.status().bus.state == "degraded"
    assert "the line is cut" in kernel.status().bus.reason
    seen = len(kernel.observed)
    kernel.transport.away = ""
    kernel.clock.advance(30)
    kernel.advance(1)
    assert kernel.status().bus.state == "live"
    kept = list(kernel.events(follow=False))
    assert len(kernel.observed) > seen
    assert [e.seq for e in kernel.observed] == [e.seq for e in kept]


def test_the_default_model_says_what_it_was_told_to(kernel):
    task = kernel.submit("shout", {"text": "ask"})
    kernel.settle()
    assert task.result(timeout=10) == "as it was told"
    assert [call.messages[-1].content for call in kernel.model.calls] == ["ask"]
