"""Agents at module level, so that a process of their own can import them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from retinue.plugins import ToolError, agent
from retinue.plugins.llm.model import Message


@agent(isolation="process")
def who(ctx, text: str = ""):
    return {"pid": os.getpid(), "text": text}


@agent(isolation="process")
async def who_async(ctx):
    return os.getpid()


@agent(isolation="process")
def talks(ctx):
    ctx.thought("hm")
    ctx.progress(1, 2)
    yield "a"
    yield "b"


@agent(isolation="process")
def remembers(ctx):
    ctx.state["turns"] = ctx.state.get("turns", 0) + 1
    return ctx.state["turns"]


@agent(isolation="process")
def looks_around(ctx):
    return [ctx.run, ctx.task, ctx.agent, ctx.attempt, ctx.deadline, ctx.model.name]


@agent(isolation="process")
def uses_everything(ctx):
    child = ctx.submit("other", {"n": 1}, priority=7)
    try:
        ctx.call("missing")
    except ToolError as error:
        failed = str(error)
    result = child.result()
    child.cancel("enough")
    return [ctx.call("double", n=4), child.id, result, failed]


@agent(isolation="process")
async def uses_everything_async(ctx):
    child = await ctx.submit("other", {"n": 1}, priority=7)
    try:
        await ctx.call("missing")
    except ToolError as error:
        failed = str(error)
    result = await child.result()
    await child.cancel("enough")
    return [await ctx.call("double", n=4), child.id, result, failed]


@agent(isolation="process")
async def streams(ctx):
    async for delta in ctx.model.stream([Message("user", "hi")], max_tokens=9):
        if delta.text:
            yield delta.text


@agent(isolation="process")
async def leaves_the_stream(ctx):
    stream = ctx.model.stream([])
    first = await anext(stream)
    await stream.aclose()
    await ctx.call("ended")
    return first.text


@agent(isolation="process")
async def meets(ctx):
    return await ctx.call("meet")


@agent(isolation="process")
def asks(ctx):
    return ctx.call("slow")


@agent(isolation="process")
def raises(ctx):
    raise LookupError("no such book")


@agent(isolation="process")
def gives_no_json(ctx):
    return object()


@agent(isolation="process")
def gives_too_much(ctx):
    return "x" * (9 << 20)


@agent(isolation="process")
def thinks_too_much(ctx):
    ctx.thought("x" * (9 << 20))


@agent(isolation="process")
def exits(ctx):
    sys.exit(3)


@agent(isolation="process")
def exits_for_real(ctx):
    os._exit(3)


@agent(isolation="process")
def segfaults(ctx):
    ctypes.string_at(0)


@agent(isolation="process")
def killed(ctx):
    os.kill(os.getpid(), signal.SIGKILL)


@agent(isolation="process")
def hogs_memory(ctx):
    return len(b"x" * (6 << 30))


@agent(isolation="process")
def spins(ctx):
    ctx.thought(str(os.getpid()))
    while True:
        pass


@agent(isolation="process")
async def spins_async(ctx):
    ctx.thought(str(os.getpid()))
    while True:
        pass


@agent(isolation="process")
async def waits(ctx):
    ctx.thought(str(os.getpid()))
    try:
        await asyncio.Event().wait()
    finally:
        ctx.thought("cleaned up")


@agent(isolation="process")
def has_a_child(ctx):
    child = subprocess.Popen(["sleep", "600"])
    ctx.thought(str(child.pid))
    child.wait()


@agent(isolation="process")
def prints(ctx):
    print("to stdout \x1b[31m")
    print("to stderr", file=sys.stderr)
    print("x" * 3_000)


@agent(isolation="process")
def floods_output(ctx):
    for _ in range(3_000):
        print("y" * 99)


@agent(isolation="process")
def forges(ctx):
    from retinue.plugins.host.frames import Step

    ctx._port._channel.send(Step(ctx._port._turn, "task.succeeded", b"{}"))
    ctx.call("slow")


@agent(isolation="process")
def babbles(ctx):
    ctx._port._channel._sock.sendall(b"\xff\xff\xff\xff and so on")
    ctx.call("slow")


@agent(isolation="process")
def reads_environment(ctx):
    return sorted(os.environ)


@agent(isolation="process")
class Keeper:
    def on_start(self):
        self.turns = 0

    def on_stop(self):
        Path(self.note).write_text(f"stopped after {self.turns}")

    def run(self, ctx, note: str):
        self.note = note
        self.turns += 1
        return self.turns


@agent(isolation="process")
def crashes_or_not(ctx, crash: bool):
    if crash:
        os._exit(1)
    return "well"


@agent(isolation="process")
def floods_events(ctx):
    while True:
        ctx.thought("again")


@agent(isolation="process")
def thinks_and_dies(ctx):
    ctx.thought(str(os.getpid()))
    ctx.thought("x" * 150_000)
    os._exit(3)


def failing(act, *args):
    """What it gives, or the error's name."""
    try:
        return act(*args)
    except OSError as error:
        return type(error).__name__


@agent(isolation="process")
def tries_files(ctx, read: list[str], write: list[str]):
    said = [failing(lambda path: Path(path).read_text(), path) for path in read]
    return said + [failing(lambda path: Path(path).write_text("mine"), path) for path in write]


@agent(isolation="process")
def tries_the_network(ctx, port: int):
    def connect(family, address):
        with socket.socket(family) as sock:
            return sock.connect(address)

    tcp = failing(connect, socket.AF_INET, ("127.0.0.1", port))
    return [tcp, failing(connect, socket.AF_UNIX, "/run/some.sock")]


@agent(isolation="process")
def tries_processes(ctx):
    return [failing(os.fork), failing(subprocess.run, ["/bin/true"]), failing(os.kill, 1, 0)]


@agent(isolation="process")
def looks_at_environment(ctx):
    return dict(os.environ)


@agent(isolation="process")
def hangs_in_c(ctx):
    ctx.thought(str(os.getpid()))
    ctypes.PyDLL(None).sleep(600)  # with the interpreter's lock held: not even signals are seen


@agent(isolation="process", permissions={"processes": True})
def has_a_daemon(ctx):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
    ctx.thought("it runs")
    time.sleep(600)


@agent(isolation="process", permissions={"net": [{"host": "example.org"}]})
async def fetches(ctx, url: str):
    return (await ctx.http.fetch(url)).status
