"""Agents and tools that tell a secret in every way there is. Loaded by path, also in a child."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
import threading
import urllib.parse
from typing import Annotated, Any

from retinue.plugins import Context, Plugin, Secret, SyncContext, agent, tool
from retinue.plugins.tools import ToolContext

DRESSES = {
    "plain": str,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "basic": lambda value: "Basic " + base64.b64encode(b"user:" + value.encode()).decode(),
    "hex": lambda value: value.encode().hex(),
    "quoted": lambda value: "https://h/?q=" + urllib.parse.quote(value, safe=""),
    "nested": lambda value: json.dumps({"deep": json.dumps([{"er": value}])}),
}
WAYS = (
    "thought", "text", "pieces", "progress", "result", "key", "list", "error", "cause", "state",
    "tool", "tool result", "tool error", "tool progress", "child", "child error", "cancel", "none",
)  # fmt: skip


@tool
def login(
    ctx: ToolContext, way: str, text: str, password: Annotated[str, Secret]
) -> dict[str, Any]:
    """Tells what it was given, as ``text`` dresses it."""
    if way == "tool error":
        raise PermissionError(f"refused: {text}")
    if way == "tool progress":
        ctx.progress(1, 2, f"trying {text}")
    return {"session": text, text: [password]}


@agent
async def parrot(ctx: Context, text: str, secret: Annotated[str, Secret] = "") -> str:
    """Tells what it was given; fails when it was given a secret."""
    if secret:
        raise ValueError(f"no use for {text} and {secret}")
    return text


@agent(tools=[login])
async def leaky(ctx: Context, way: str, dress: str, secret: Annotated[str, Secret]) -> Any:
    """Tells ``secret``."""
    text = DRESSES[dress](secret)
    if way in _SAYS:
        return _SAYS[way](ctx, text)
    if way == "error":
        raise RuntimeError(f"could not log in with {text}")
    if way == "cause":
        try:
            raise KeyError(text)
        except KeyError as error:
            raise ValueError(f"wrapped {error}") from error
    if way.startswith("tool"):
        return await ctx.call("login", way=way, text=text, password=secret)
    if way == "child":
        return await ctx.ask("parrot", text=text)
    if way == "child error":
        return await ctx.ask("parrot", text=text, secret=secret)
    if way == "cancel":
        child = await ctx.submit("parrot", text=text)
        await child.cancel(f"no more {text}")
    return None


@agent
def plainly(ctx: SyncContext, dress: str, secret: Annotated[str, Secret]) -> str:
    """The same on a thread, letter by letter."""
    text = DRESSES[dress](secret)
    for char in text:
        ctx.text(char)
    return text


@agent
def noisy(ctx: SyncContext, dress: str, secret: Annotated[str, Secret]) -> None:
    """Prints it, logs it, and breaks a thread with it."""
    text = DRESSES[dress](secret)
    print("printed", text)
    print("to stderr", text, file=sys.stderr)
    logging.getLogger("leaky").error("logged %s", text)
    thread = threading.Thread(target=_broken, args=(text,))
    thread.start()
    thread.join()
    for char in text:
        print(char, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    raise RuntimeError(f"it was {text}")


@agent
async def patient(ctx: Context, secret: Annotated[str, Secret] = "") -> None:
    """Never ends."""
    ctx.thought("waiting")
    await asyncio.sleep(3600)


def _broken(text: str) -> None:
    raise OSError(f"a thread died of {text}")


def _text(ctx: Context, text: str) -> None:
    ctx.text(f"it is {text}!")


def _pieces(ctx: Context, text: str) -> str:
    for start in range(0, len(text), 3):
        ctx.text(text[start : start + 3])
    return "said"


def _remember(ctx: Context, text: str) -> None:
    ctx.state[f"seen {len(ctx.state)}"] = text


_SAYS: dict[str, Any] = {
    "thought": lambda ctx, text: ctx.thought(f"I know {text}"),
    "text": _text,
    "pieces": _pieces,
    "progress": lambda ctx, text: ctx.progress(1, 2, text),
    "result": lambda ctx, text: text,
    "key": lambda ctx, text: {text: 1, "more": {"x" + text: None}},
    "list": lambda ctx, text: ["a", [text, {"b": f"<{text}>"}]],
    "state": _remember,
    "none": lambda ctx, text: None,
}
PLUGIN = Plugin("leaky", "1.0", tools=[login])
