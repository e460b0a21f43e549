"""A recording that was changed: the first event that comes out otherwise is named."""

from __future__ import annotations

from retinue.kernel.replay import replay_events
from retinue.plugins import agent
from retinue.plugins.llm.model import Message

from .atlas import ATLAS, of_type, rerun, with_fields


def test_every_changed_word_in_a_tools_answer_is_named_where_it_shows_first(recorded, programs):
    store, runs = recorded
    named = 0
    for run in runs:
        events = list(store.read())
        at = next((i for i, e in enumerate(events) if _tells_a_word(e, run)), None)
        if at is None:
            continue
        events[at] = with_fields(events[at], {"result": "paid nobody at all"})
        again = replay_events(events, run, agents=programs.AGENTS, plugins=[programs.PLUGIN])
        assert again.divergence is not None
        assert again.divergence.seq == events[at].seq
        assert again.divergence.field == "summary"
        named += 1
    assert named > 10


def _tells_a_word(event, run):
    if event.run != run or event.type != "tool.returned":
        return False
    return event.data["tool"] == "world.pay" and event.data["ok"]


def test_a_word_of_the_same_length_is_named_by_the_field_that_it_leads_to(guided):
    events, run = guided
    answer = of_type(events, "tool.returned")
    again = rerun(events, run, changes={answer.seq: {"result": "Porto"}})
    thought = of_type(events, "agent.thought")
    assert (again.divergence.seq, again.divergence.field) == (thought.seq, "text")
    assert str(again.divergence) == (
        f'seq {thought.seq} agent.thought text: recorded "the capital is Paris", '
        'replayed "the capital is Porto"'
    )


def test_an_answer_that_only_a_prompt_has_is_named_at_the_models_call(guided):
    events, run = guided

    @agent(tools=["atlas.capital"])
    async def quiet(ctx, country: str) -> str:
        city = await ctx.call("atlas.capital", of=country)
        ctx.thought("the capital is Paris")
        answer = ""
        async for delta in ctx.model.stream([Message("user", f"Tell me of {city}.")]):
            answer += delta.text
            ctx.text(delta.text)
        return answer

    answer = of_type(events, "tool.returned")
    again = replay_events(
        events,
        run,
        agents={"guide": quiet},
        plugins=[ATLAS],
        changes={answer.seq: {"result": "Porto"}},
    )
    called = of_type(events, "llm.called")
    assert (again.divergence.seq, again.divergence.field) == (called.seq, "prompt")


def test_a_changed_word_of_a_model_is_named_at_the_text_that_the_agent_says(guided):
    events, run = guided
    returned = of_type(events, "llm.returned")
    again = rerun(events, run, changes={returned.seq: {"text": "Paris is a city of night"}})
    assert again.divergence.type == "agent.text"
    assert (again.divergence.recorded, again.divergence.replayed) == ('" light"', '" night"')


def test_an_answer_that_nobody_heeds_is_no_divergence(guided):
    events, run = guided
    returned = of_type(events, "llm.returned")
    assert rerun(events, run, changes={returned.seq: {"output_tokens": 7}}).divergence is None


def test_other_code_is_named_at_its_first_other_step(guided):
    events, run = guided

    @agent(tools=["atlas.capital"])
    async def other(ctx, country: str) -> str:
        return await ctx.call("atlas.capital", of="Italy")

    again = replay_events(events, run, agents={"guide": other}, plugins=[ATLAS])
    assert str(again.divergence).endswith(
        'tool.called args.of: recorded "France", replayed "Italy"'
    )
    assert again.events == tuple(e for e in events if e.run == run)[: len(again.events)]


def test_code_that_fails_now_is_named_with_its_error(guided):
    events, run = guided

    @agent
    async def failing(ctx, country: str) -> str:
        raise ValueError("no map")

    again = replay_events(events, run, agents={"guide": failing}, plugins=[ATLAS])
    assert again.divergence.seq == of_type(events, "tool.called").seq
    assert "no map" in again.divergence.replayed


def test_a_decision_of_the_kernel_that_was_recorded_otherwise_is_named(guided):
    events, run = guided
    ended = of_type(events, "task.succeeded")
    events = [with_fields(e, {"seconds": 1.0}) if e is ended else e for e in events]
    again = rerun(events, run)
    assert (again.divergence.seq, again.divergence.field) == (ended.seq, "seconds")
    assert again.divergence.recorded == "1.0"
