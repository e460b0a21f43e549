"""A run that asks a tool and a model, recorded, changed and run again."""

from __future__ import annotations

import msgspec

from retinue.bus.envelope import Event
from retinue.kernel.config import Config, ModelsConfig
from retinue.kernel.replay import replay_events
from retinue.plugins import Plugin, agent, tool
from retinue.plugins.llm.model import Message

RECORDED = Config(models=ModelsConfig(record="always"))


def with_fields(event, fields):
    body = msgspec.json.encode(event.data | fields)
    return Event(event.seq, msgspec.structs.replace(event.envelope, body=body))


@tool
def capital(of: str) -> str:
    return {"France": "Paris", "Italy": "Roma!"}[of]


@agent(tools=["atlas.capital"])
async def guide(ctx, country: str) -> str:
    city = await ctx.call("atlas.capital", of=country)
    ctx.thought(f"the capital is {city}")
    answer = ""
    async for delta in ctx.model.stream([Message("user", f"Tell me of {city}.")]):
        answer += delta.text
        ctx.text(delta.text)
    return answer


ATLAS = Plugin("atlas", "1.0", tools=[capital])


def rerun(events, run, **options):
    return replay_events(events, run, agents={"guide": guide}, plugins=[ATLAS], **options)


def of_type(events, type):
    return next(event for event in events if event.type == type)
