"""The three kinds behind one door."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import agents_here as here
import pytest

from retinue.actors.execution import Executors


async def shared(ctx):
    return [threading.current_thread().name, os.getpid()]


def on_a_thread(ctx):
    return [threading.current_thread().name, os.getpid()]


@pytest.fixture
def executors(log, cells):
    made = Executors("tested", cells(), report=lambda agent, text: log.append((agent, text)))
    yield made
    made.close(10.0)


def test_each_turn_runs_where_its_spec_says(executors, attempt, port):
    ours = os.getpid()
    results = [
        json.loads(attempt(executors, agent, port=port("one")).outcome().result)
        for agent in (shared, on_a_thread, here.who)
    ]
    assert results[:2] == [["tested", ours], ["agent-one", ours]]
    assert results[2]["pid"] not in (ours, None)


def test_a_host_program_is_left_as_it_was(attempt, cells):
    where = cells()
    where.starter(here.who, 0)().kill()  # the thread that starts processes is the kernel's
    threads, descriptors = set(threading.enumerate()), _descriptors()
    for _ in range(3):
        executors = Executors("tested", where)
        for agent in (shared, on_a_thread, here.who):
            assert attempt(executors, agent).outcome().kind == ""
        executors.close(10.0)
    # One of an earlier test may have been on its way out when they were counted.
    assert set(threading.enumerate()) - threads == set()
    assert set(_descriptors()) - set(descriptors) == set()


def test_neighbours_of_every_kind_finish_while_one_of_every_kind_spins(
    executors, attempt, port, watched
):
    async def spins(ctx):
        ctx.thought("spinning")
        while True:
            pass

    def spins_plain(ctx):
        ctx.thought("spinning")
        while True:
            pass

    executors.shared._stall_after = 0.3
    with watched(executors) as stalls:
        spinning = [
            attempt(executors, agent, port=port(f"spinning-{n}"))
            for n, agent in enumerate([spins, spins_plain, here.spins])
        ]
        assert all(turn.port.emitted.wait(20) for turn in spinning)
        well = [attempt(executors, a, port=port("well")) for a in (shared, on_a_thread, here.who)]
        assert [turn.outcome().kind for turn in well] == ["", "", ""]
        assert spinning[0].outcome().kind == "AgentHung"
        assert not any(turn.ended for turn in spinning[1:])
        for turn in spinning[1:]:
            turn.cancel()
            assert turn.outcome().kind == "Cancelled"
    assert [stall.agent for stall in stalls] == ["spinning-0"]


def _descriptors():
    return sorted(str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())
