"""Agents that do a little of everything; the daemon of the console's tests imports this file."""

from __future__ import annotations

import asyncio
from typing import Any

from retinue.plugins import agent, tool


@tool(effect="once")
async def wire(amount: int, to: str) -> str:
    """Send money. The policy of these tests has an operator asked first."""
    return f"{amount} went to {to}"


@agent(tools=["clock.now", "clock.sleep"])
async def writer(ctx: Any, text: str, pause: float = 0.0) -> str:
    """Think, call two tools, and stream a sentence about the text."""
    ctx.thought(f"thinking about {text}")
    now = await ctx.call("clock.now", zone="UTC")
    await ctx.call("clock.sleep", seconds=pause)
    for word in f"{text} is what it is about.".split():
        ctx.text(word + " ")
        await asyncio.sleep(0)
    return f"{text}: {now['iso']}"


@agent
async def editor(ctx: Any, text: str, n: int = 2) -> list[str]:
    """Ask the writer several times: a run of several tasks."""
    return [await ctx.ask("writer", {"text": f"{text} {number}"}) for number in range(n)]


@agent(tools=["clock.now"])
async def patient(ctx: Any, seconds: float = 3600.0) -> str:
    """Think, and then wait for long: to be cancelled."""
    ctx.thought("waiting")
    await ctx.call("clock.now", zone="UTC")
    await asyncio.sleep(seconds)
    return "rested"


@agent
async def broken(ctx: Any, text: str = "") -> str:
    """Always fail."""
    ctx.thought("this will not go well")
    raise ValueError("the paper is torn")


@agent(tools=[wire])
async def payer(ctx: Any, amount: int, to: str = "ann") -> str:
    """Send money once somebody has said yes."""
    return await ctx.call("wire", amount=amount, to=to)


@agent
async def talker(ctx: Any, thoughts: int = 100) -> int:
    """Think as much as is asked for."""
    for number in range(thoughts):
        ctx.thought(f"thought {number}")
        if number % 50 == 0:
            await asyncio.sleep(0)
    return thoughts
