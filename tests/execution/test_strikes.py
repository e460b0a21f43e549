"""Exceptions raised into a thread from outside: too late, at a turn's end, while it is traced."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from retinue.actors.execution import Outcome
from retinue.actors.execution.strike import doing, strike

# A strike lands wherever the thread is, also in a callback of the garbage collector that some
# library has set; there Python can only report it. The thread is then left behind instead.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


_HUNG = Outcome(kind="AgentHung", cause="struck by the test")


async def spins(ctx):
    ctx.thought("spinning")
    while True:
        pass


async def greets(ctx):
    await asyncio.sleep(0)
    return "hello"


def test_a_strike_that_comes_too_late_is_taken_back(shared, attempt):
    """Struck at any moment around its end, a turn has one outcome and the loop stays sound."""

    def lasting(rounds):
        async def brief(ctx):
            ctx.thought("here")
            return sum(1 for _ in range(rounds))

        return brief

    kinds = set()
    for rounds in range(0, 100_000, 1_000):
        turn = attempt(shared, lasting(rounds))
        assert turn.port.emitted.wait(10)
        turn.running.hit(turn.running.root, _HUNG)
        kinds.add(turn.outcome().kind)
    assert kinds <= {"", "AgentHung"}
    assert attempt(shared, greets).outcome().result == b'"hello"'
    assert shared._old == []


def test_a_turn_at_its_end_waits_for_a_strike_under_way_and_takes_it_back(
    shared, attempt, wait_until
):
    striking, gate = threading.Lock(), threading.Event()

    async def brief(ctx):
        ctx.thought("here")
        gate.wait(10)
        return "whole"

    with striking:
        turn = attempt(shared, brief)
        assert turn.port.emitted.wait(10)
        turn.running._lock, turn.running.struck = striking, True
        gate.set()
        thread = shared._home.thread.ident
        wait_until(lambda: "_absorb" in doing(thread))
        assert strike(thread)
    assert turn.outcome().kind == ""
    assert attempt(shared, greets).outcome().result == b'"hello"'
    assert shared._old == []


def test_what_says_where_an_agent_is(shared, attempt):
    turn = attempt(shared, spins)
    assert turn.port.emitted.wait(10)
    assert "spins (test_strikes.py:" in turn.running.what()
    turn.running.hit(turn.running.root, _HUNG)
    assert turn.outcome().kind == "AgentHung"


@pytest.mark.parametrize("isolation", ["shared", "thread"])
def test_a_thread_that_was_left_behind_does_not_hold_up_a_host_that_is_traced(isolation):
    """In CPython 3.11 an exception that waits for a blocked thread stops every traced one."""
    program = f"""
import ctypes, os, sys, threading
from retinue.bus.errors import TaskFailed
from retinue.kernel import Config, Kernel
from retinue.kernel.config import WatchdogConfig
from retinue.plugins import agent

gate, out = os.pipe()
read = ctypes.CDLL(None).read

def block():
    read(gate, ctypes.create_string_buffer(1), 1)

@agent
async def blocks_a_loop(ctx): block()

@agent(attempt_timeout=0.1)
def blocks_a_thread(ctx): block()

spec = blocks_a_loop if {isolation!r} == "shared" else blocks_a_thread
with Kernel(config=Config(watchdog=WatchdogConfig(loop=0.2))) as kernel:
    kernel.spawn("blocks", spec)
    try:
        kernel.submit("blocks").result(timeout=20)
    except TaskFailed as failed:
        print(failed.kind)
    def trace(frame, event, arg): return trace
    def count():
        for n in range(1000): pass
        return n
    sys.settrace(trace)
    count()
    sys.settrace(None)
    print("went on")
    os.write(out, b"x")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["went", "on"]
