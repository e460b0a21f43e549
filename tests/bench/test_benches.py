"""Each bench runs to its end with little load, and prints rows of one shape."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.probe import probe

BENCHES = Path(__file__).resolve().parents[2] / "scripts" / "benches"
SHAPE = {
    "bench": str,
    "name": str,
    "unit": str,
    "ours": float | int,
    "reference": float | int | None,
    "ratio": float | int | None,
    "target": str,
    "met": bool,
}


def quick(*arguments):
    command = [sys.executable, "-P", str(BENCHES / "main.py"), *arguments, "--quick"]
    return subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bench", "expected"),
    [
        ("codec", {"a mirrored tool.returned, body as JSON, beside msgpack"}),
        ("runtime", {"tell, 1 sender", "idle hop between two actors", "ask, 100 in flight"}),
        (
            "journal",
            {
                "append in groups of 1,000, FULL, through the actor, an event",
                "one event, FULL, waiting for the commit: p50 beside one fdatasync",
                "replay",
                "verify of 100,000 events",
                "a whole task, committed with FULL and mirrored, 1,000 in flight",
                "start on 50,000 events, a snapshot, with the interpreter's",
            },
        ),
        (
            "kernel",
            {
                "a whole task, mirrored, 1,000 in flight",
                "a whole task on an idle kernel, p50",
                "a run's speed changes, Redis stopped 0.25 s",
                "1,000 resident agents, the whole process",
            },
        ),
        (
            "observers",
            {
                "mirrored, with stream and publish, an event",
                "a bare redis-py message to another process, p99",
                "a commit to Subscriber, in memory, p50",
                "a thought to PSUBSCRIBE, durable, p99",
                "a thought to agent-events, in memory, p99",
                "a thought to a WebSocket at 1,000 a second, durable, p99",
                "the kernel's p99 grows by, 20 PSUBSCRIBE",
                "the same with Redis stopped",
            },
        ),
        (
            "api",
            {
                "GET status over the Unix socket, p50",
                "submit and wait over the API, durable, p50",
                "GET /v1/runs, the last page of 3,000 runs beside the first",
                "idle connections that are held at once",
                "a new client's request beside 500 idle connections, p50",
            },
        ),
    ],
)
def test_a_quick_bench_prints_a_row_for_each_figure(bench, expected):
    check(bench, expected)


@pytest.mark.slow
def test_a_quick_bench_of_plugins_prints_a_row_for_each_figure(missing):
    if gone := lacking("standard", probe()):
        missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
    expected = {
        "the channel alone, there and back, beside a bare echo",
        "a call of an async tool by its host, p99",
        "a call by an agent, with its events, beside a bare echo",
        "a task with one call, submit to result, p50",
        "from nothing to the first frame, standard",
        "the same beside no layers, standard",
        "4 plugins resident",
    }
    told = check("plugins", expected)
    for part in ("strict", "MCP"):  # each is measured, or told to be left out
        assert any(part in line for line in told.splitlines())


@pytest.mark.slow
def test_a_quick_bench_of_the_console_prints_a_row_for_each_figure(missing):
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        missing("Chromium", "`apt-get install chromium`")
    expected = {
        "first paint on loopback",
        "what is sent for it, compressed",
        "events a second that reached the page",
        "longest frame",
        "memory grows by",
    }
    check("console", expected)


def check(bench, expected):
    """Run it, and return all that it said."""
    done = quick(bench, "--json")
    assert done.returncode in (0, 1), (
        done.stderr
    )  # 1: a target was missed, which is not judged here
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["bench"] for row in rows} == {bench}, done.stderr
    assert expected <= {row["name"] for row in rows}
    for row in rows:
        assert row.keys() == SHAPE.keys()
        assert all(isinstance(row[key], kind) for key, kind in SHAPE.items()), row
        assert row["ours"] >= 0
        assert (row["ratio"] is None) == (row["reference"] is None)
    return done.stdout + done.stderr


def test_a_bench_that_is_not_there_is_refused_with_the_names_of_those_that_are():
    done = quick("nothing")
    assert done.returncode == 2
    assert "no bench is called nothing; there are" in done.stderr
    assert "kernel" in done.stderr
