"""The reference run: eight agents, tools of each effect kind, one stream, tasks in tasks.

A daemon imports this file by its path. What happens outside goes to the file that
``FAULTS_LEDGER`` names: a line for each effect that took place.
"""

from __future__ import annotations

import asyncio
import os

from retinue.bus.errors import TaskFailed
from retinue.plugins import Context, agent, tool

TEAMS = {"lead-a": ("w0", "w1", "w2"), "lead-b": ("w3", "w4", "w2")}
AGENTS = {"boss": "boss", **dict.fromkeys(TEAMS, "lead")} | {f"w{n}": "worker" for n in range(5)}
"""Each agent's name, and its function in this file."""
WORDS = ["what", "the", "eight", "of", "them", "have", "found", "is", "told", "word", "by", "word"]


def _write(line: str) -> None:
    ledger = os.open(os.environ["FAULTS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(ledger, f"{line}\n".encode())
    finally:
        os.close(ledger)


@tool(effect="once")
def pay(nonce: str, to: str) -> str:
    _write(f"{nonce} pay {to}")
    return f"paid {to}"


@tool(effect="idempotent")
def put(nonce: str, key: str) -> str:
    _write(f"{nonce} put {key}")
    return f"put {key}"


@tool
def look(at: str) -> str:
    return f"saw {at}"


@agent(tools=[pay, put, look])
async def worker(ctx: Context, nonce: str, place: str) -> str:
    """Five steps; one of them must not happen twice."""
    ctx.thought(f"what is to be done at {place}")
    seen = await ctx.call("look", at=place)
    await ctx.call("put", nonce=nonce, key=place)
    paid = await ctx.call("pay", nonce=nonce, to=place)
    ctx.thought("done")
    return f"{seen}, {paid}"


@agent
async def lead(ctx: Context, nonce: str) -> list[str]:
    """Its workers side by side; of what cannot be known it says so."""
    names = TEAMS[ctx.agent]
    return list(await asyncio.gather(*(_asked(ctx, nonce, name) for name in names)))


async def _asked(ctx: Context, nonce: str, name: str) -> str:
    try:
        done: str = await ctx.ask(name, nonce=nonce, place=f"{ctx.agent}/{name}")
    except TaskFailed as failed:
        if failed.kind != "OutcomeUnknown":
            raise
        return "unknown"
    return done


@agent(tools=[pay])
async def boss(ctx: Context, nonce: str) -> list[list[str] | str]:
    """Both teams, then a stream, then the last payment."""
    teams = await asyncio.gather(*(ctx.ask(name, nonce=nonce) for name in TEAMS))
    for word in WORDS:
        ctx.text(f"{word} ")
        await asyncio.sleep(0)
    return [*teams, await ctx.call("pay", nonce=nonce, to="all")]


RESULT = [
    *(
        [f"saw {lead}/{name}, paid {lead}/{name}" for name in names]
        for lead, names in TEAMS.items()
    ),
    "paid all",
]
"""What an undisturbed run ends with."""
