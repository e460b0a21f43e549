"""A kernel whose policy has a tool asked for, and one with rules of all kinds."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from retinue.kernel import Config, Kernel
from retinue.kernel.calls_config import PolicyConfig
from retinue.plugins import agent, tool

RULES = """
@id("clerk-counts")
permit(principal == Agent::"clerk", action == Action::"call", resource == Tool::"count");

@id("wire-asks") @ask("operator")
permit(principal is Agent, action == Action::"call", resource == Tool::"wire");

@id("board-asks") @ask("board")
permit(principal is Agent, action == Action::"call", resource == Tool::"merge");

@id("nobody-burns")
forbid(principal, action == Action::"call", resource == Tool::"burn");

@id("all-else-of-the-clerk")
permit(principal == Agent::"clerk", action == Action::"call", resource == Tool::"burn");

@id("operator-may")
permit(principal is User, action in [Action::"call", Action::"submit"], resource);
"""

PAID: list[dict] = []


@tool(effect="once")
async def wire(amount: int, to: str) -> str:
    PAID.append({"amount": amount, "to": to})
    return f"{amount} to {to}"


@tool
async def count(words: str) -> int:
    return len(words.split())


@tool
async def burn() -> str:
    return "ashes"


@tool
async def merge() -> str:
    return "one"


@agent(tools=[wire, count, burn, merge])
async def clerk(ctx, tool: str, args: dict, times: int = 1) -> list:
    return [await ctx.call(tool, **args) for _ in range(times)]


@pytest.fixture
def paid():
    """What the tool ``wire`` did."""
    PAID.clear()
    return PAID


@pytest.fixture
def rules(tmp_path):
    """A policy's file."""
    path = tmp_path / "policy.cedar"
    path.write_text(RULES)
    return path


@pytest.fixture
def start(rules):
    """A kernel on the rules; what is given goes to ``Kernel``."""

    @contextmanager
    def started(*agents, approval: float = 3600.0, **given):
        config = Config(policy=PolicyConfig(file=str(rules), approval=approval))
        with Kernel(config=config, **given) as kernel:
            there = {view.name for view in kernel.agents()}
            for one in agents or (clerk,):
                if one.name not in there:
                    kernel.spawn(one.name, one)
            yield kernel

    return started


def first(kernel, type: str, after: int | str = "start", timeout: float = 20.0):
    """The first event of the type, when it has come."""
    over = threading.Event()
    timer = threading.Timer(timeout, over.set)
    timer.start()
    try:
        for event in kernel.events(after):
            if event is not None and event.type == type:
                return event
            assert not over.is_set(), f"no {type} came"
    finally:
        timer.cancel()
    raise AssertionError(f"no {type} came before the kernel's end")


def types(kernel, run: str, *prefixes: str) -> list[str]:
    """The types of a run's events, in order."""
    every = [event.type for event in kernel.events(follow=False) if event.run == run]
    return [one for one in every if one.startswith(prefixes)]
