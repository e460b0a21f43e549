"""Tools and agents that tests of ``ctx`` call."""

from __future__ import annotations

import asyncio

from retinue.plugins import agent, tool
from retinue.plugins.testing import TestTurn


@tool
def double(value: int):
    return value * 2


@tool(timeout=0.01)
async def stuck():
    await asyncio.Event().wait()


@tool
async def broken():
    raise ValueError("out of paper")


@agent
async def upper(ctx, text: str):
    return text.upper()


@agent
async def failing(ctx):
    raise KeyError("gone")


@agent
async def endless(ctx):
    await asyncio.Event().wait()


WORLD = {"tools": [double, stuck, broken], "agents": [upper, failing, endless]}


def in_turn(body, *, tools=("double", "stuck", "broken"), **world):
    """A turn whose whole body is one function of ctx, async or plain."""
    return TestTurn(agent(name="me", tools=tools)(body), **WORLD, **world)
