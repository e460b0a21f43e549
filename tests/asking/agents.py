"""Agents and tools that get stuck, each in its own way."""

from __future__ import annotations

import asyncio
import threading

from retinue.plugins import Plugin, agent, tool


@agent
async def idle(ctx) -> str:
    ctx.thought("here")
    await asyncio.Event().wait()
    return ""


@agent
async def boss(ctx) -> str:
    return await ctx.ask("idle")


@agent
async def chief(ctx) -> str:
    return await ctx.ask("boss")


@agent(attempts=3)
async def shaky(ctx) -> None:
    raise ConnectionError("no route")


@agent
async def broken(ctx) -> None:
    raise ValueError("no such luck")


@agent
async def manager(ctx) -> str:
    return await ctx.ask("broken")


@agent
async def stubborn(ctx) -> None:
    ctx.thought("here")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ctx.thought("no")


@agent(tools=["world.hang"])
async def caller(ctx) -> str:
    return await ctx.call("world.hang")


@agent(tools=["world.pay"])
async def payer(ctx) -> str:
    return await ctx.call("world.pay", to="shop")


@agent
async def talker(ctx) -> str:
    answer = ""
    async for delta in ctx.model.stream([]):
        answer += delta.text
    return answer


class Silent:
    """A model whose stream begins and never says anything."""

    name = "silent"

    async def stream(self, messages, *, schema=None, **options):
        await asyncio.Event().wait()
        yield None


def world(paying: threading.Event | None = None) -> Plugin:
    """A plugin with a tool that hangs, and one with an effect that does so once it has begun."""

    @tool
    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    @tool(effect="once")
    async def pay(to: str) -> str:
        if paying is not None:
            paying.set()
        await asyncio.Event().wait()
        return to

    return Plugin("world", "1.0", tools=[hang, pay])
