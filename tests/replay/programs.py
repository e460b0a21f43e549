"""Runs of every shape, from seeds: agents that do what their input says, with tools of each kind."""

from __future__ import annotations

import asyncio
import random
import threading

from retinue.bus.errors import ModelError, RetinueError
from retinue.bus.journal import MemoryStore
from retinue.kernel import Config, Kernel
from retinue.kernel.config import ModelsConfig
from retinue.plugins import Plugin, agent, tool
from retinue.plugins.llm.model import Message
from retinue.plugins.llm.scripted import ScriptedModel

__all__ = ["AGENTS", "PLUGIN", "models", "plan", "record"]


@tool
async def look(at: str) -> list[str]:
    return [f"saw {at}", at[::-1]]


@tool(effect="idempotent")
def put(key: str, value: int = 1) -> dict:
    return {"key": key, "value": value, "half": value / 3}


@tool(effect="once")
def pay(to: str) -> str:
    return f"paid {to}"


@tool
async def slow(ctx, seconds: float) -> str:
    ctx.progress(1, 2, "half")
    ctx.stream({"slept": [seconds / 2]})
    await asyncio.sleep(seconds)
    ctx.progress(2, 2)
    return "slept"


@tool
def broken(why: str) -> str:
    raise ValueError(why)


@tool(timeout=0.05)
async def stuck() -> str:
    await asyncio.Event().wait()
    return "never"


PLUGIN = Plugin("world", "1.0", tools=[look, put, pay, slow, broken, stuck])


async def do(ctx, step, said):  # noqa: C901 - one branch a kind of step
    kind, *rest = step
    if kind == "thought":
        ctx.thought(rest[0])
    elif kind == "text":
        for word in rest[0].split():
            ctx.text(word + " ")
    elif kind == "progress":
        ctx.progress(*rest)
    elif kind == "call":
        said.append(await ctx.call(rest[0], **rest[1]))
        ctx.thought(f"got {said[-1]}")
    elif kind == "try":
        try:
            await do(ctx, rest[0], said)
        except (RetinueError, ValueError) as error:
            ctx.thought(f"caught {type(error).__name__}: {str(error)[:60]}")
    elif kind == "ask":
        said.append(await ctx.ask(rest[0], plan=rest[1], timeout=rest[2]))
        ctx.thought("asked")
    elif kind == "all":
        await asyncio.gather(*(do(ctx, one, said) for one in rest[0]))
    elif kind == "spawn":
        child = await ctx.submit(rest[0], plan=rest[1])
        ctx.thought("submitted")
        await child.cancel("changed my mind")
        ctx.thought("cancelled it")
    elif kind == "leave":
        await ctx.submit(rest[0], plan=rest[1])
    elif kind == "model":
        async for delta in ctx.model.stream([Message("user", rest[0])]):
            ctx.text(delta.text)
    elif kind == "sleep":
        await asyncio.sleep(rest[0])
    elif kind == "state":
        ctx.state["n"] = ctx.state.get("n", 0) + rest[0]
    elif kind == "fail" and ctx.attempt <= rest[0]:
        raise RuntimeError(f"attempt {ctx.attempt} fails")
    elif kind == "finally":
        try:
            await asyncio.sleep(rest[0])
        finally:
            ctx.thought("cleaning up")


@agent(tools=["world.*"], attempts=3)
async def worker(ctx, plan: list) -> list:
    said: list = []
    for step in plan:
        await do(ctx, step, said)
    return said


@agent(tools=["world.*"])
async def helper(ctx, plan: list) -> int:
    said: list = []
    for step in plan:
        await do(ctx, step, said)
    return len(said)


@agent(tools=["world.*"], attempts=2)
def plain(ctx, plan: list) -> list:
    said = []
    for step in plan:
        if step[0] == "thought":
            ctx.thought(step[1])
        elif step[0] == "call":
            said.append(ctx.call(step[1], **step[2]))
            ctx.text(str(said[-1]))
        elif step[0] == "ask":
            said.append(ctx.ask(step[1], plan=step[2]))
        elif step[0] == "fail" and ctx.attempt <= step[1]:
            raise KeyError("plain fails")
    return said


@agent
async def stream(ctx, plan: list):
    for step in plan:
        yield f"{step[0]} "
        await asyncio.sleep(0)


@agent(tools=["world.*"])
class Keeper:
    def on_start(self):
        self.turns = 0

    async def run(self, ctx, plan: list) -> int:
        said: list = []
        for step in plan:
            await do(ctx, step, said)
        return len(said)


AGENTS = {"worker": worker, "helper": helper, "plain": plain, "stream": stream, "keeper": Keeper}


def models():
    def answer(call):
        asked = call.messages[-1].content
        if asked == "refuse":
            return ModelError("the model is tired")
        return f"you said {asked} and that is {len(asked)} letters"

    return ScriptedModel([answer] * 10_000)


WORDS = ["red", "green", "blue", "an amber light", "ünïcode", "x" * 30]


def plan(rng: random.Random, depth: int = 0) -> list:
    return [step(rng, depth) for _ in range(rng.randint(1, 5))]


def step(rng: random.Random, depth: int) -> list:
    word = rng.choice(WORDS)
    choices = [
        lambda: ["thought", word],
        lambda: ["text", f"{word} and {word}"],
        lambda: ["progress", 1, 3, word],
        lambda: ["call", "world.look", {"at": word}],
        lambda: ["call", "world.put", {"key": word, "value": rng.randint(0, 99)}],
        lambda: ["call", "world.pay", {"to": word}],
        lambda: ["call", "world.slow", {"seconds": rng.choice([0.0, 0.01])}],
        lambda: ["try", ["call", "world.broken", {"why": word}]],
        lambda: ["try", ["call", "world.stuck", {}]],
        lambda: ["try", ["call", "world.look", {"it": 3}]],
        lambda: ["try", ["call", "nowhere", {}]],
        lambda: ["model", word],
        lambda: ["try", ["model", "refuse"]],
        lambda: ["sleep", rng.choice([0.0, 0.01])],
        lambda: ["state", rng.randint(1, 5)],
        lambda: ["fail", rng.randint(1, 3)],
    ]
    nested = [
        lambda: ["ask", *child(rng, depth), None],
        lambda: ["try", ["ask", *child(rng, depth), 0.05]],
        lambda: ["all", [step(rng, depth + 1) for _ in range(rng.randint(2, 3))]],
        lambda: ["spawn", "helper", [["sleep", 5]]],
        lambda: ["leave", "helper", [["finally", 5]]],
    ]
    return rng.choice(choices if depth > 1 else choices + nested)()


def child(rng: random.Random, depth: int) -> tuple[str, list]:
    if rng.random() < 0.3:
        return "stream", [["one"], ["two"]]
    if rng.random() < 0.3:
        return "plain", [
            ["thought", "hm"],
            ["call", "world.look", {"at": "there"}],
            ["fail", rng.randint(0, 2)],
        ]
    return "helper", plan(rng, depth + 2)


def record(count: int, seed: int = 1, store=None):
    """That many runs, all at once, in one kernel; returns the store and the runs' ids."""
    store = store or MemoryStore()
    rng = random.Random(seed)
    config = Config(models=ModelsConfig(record="always"))
    runs = []
    with Kernel(config=config, store=store, plugins=[PLUGIN], models={"auto": models()}) as kernel:
        for name, spec in AGENTS.items():
            kernel.spawn(name, spec)
        handles, timers = [], []
        for n in range(count):
            who = rng.choice(["worker", "worker", "worker", "keeper", "stream"])
            options = {}
            if rng.random() < 0.15:
                options["deadline"] = rng.choice([0.05, 0.2])
            handle = kernel.submit(
                who, {"plan": plan(rng)}, priority=rng.randint(0, 9), key=f"run {n}", **options
            )
            if rng.random() < 0.15:
                moment = rng.random() * 0.3
                timers.append(threading.Timer(moment, handle.cancel, ["a change of plans"]))
                timers[-1].start()
            handles.append(handle)
        for handle in handles:
            handle.ended.get(timeout=60)
            for _ in handle.events():
                pass
            runs.append(handle.run)
        for timer in timers:
            timer.cancel()
            timer.join()
        events = list(store.read())
    kept = MemoryStore()
    kept.append([event.envelope for event in events])
    return kept, runs
