"""How agents in processes of their own end: told, killed, forgotten, or left by their kernel."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import agents_here as here
import pytest

from retinue.bus.messages import AgentThought
from retinue.plugins import AgentSpec
from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.outside import processes_in
from retinue.plugins.sandbox.probe import probe

PLAIN = ("HOME", "LANG", "MALLOC_ARENA_MAX", "PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR")
KERNEL = """
import sys, threading
from pathlib import Path
from retinue.actors.execution import Executors, Turn
sys.path[:0] = [{folder!r}, {root!r}]
import agents_here
from tests.execution.conftest import RecordingPort, standard_cells
executors, port = Executors("tested", standard_cells()), RecordingPort()
spec = agents_here.{agent}
executors.start(Turn(spec, None, b"{{}}", port, None), print)
assert port.emitted.wait(30)
pid = executors.processes.pid("tested")
print(pid, Path(f"/proc/{{pid}}/ns/pid").stat().st_ino, flush=True)
threading.Event().wait()
"""


def is_gone(pid):
    """Whether no process has that number, or only one that ended and was not waited for."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def pid_thought(turn):
    assert turn.port.emitted.wait(20)
    return int(turn.port.events[0].text)


def test_a_cancelled_turn_ends_politely_and_its_process_lives_on(processes, attempt):
    turn = attempt(processes, here.waits)
    pid = pid_thought(turn)
    turn.cancel("enough")
    outcome = turn.outcome()
    assert (outcome.kind, outcome.cause, outcome.retry) == ("Cancelled", "enough", False)
    assert turn.port.events[1:] == [AgentThought("cleaned up")]
    assert processes.pid("tested") == pid


def test_a_tool_is_cancelled_with_the_turn_that_waits_for_it(processes, attempt, port):
    began, cancelled = threading.Event(), threading.Event()

    async def slow():
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    turn = attempt(processes, here.asks, port=port(tools={"slow": slow}))
    assert began.wait(20)
    turn.cancel()
    assert turn.outcome().kind == "Cancelled"
    assert cancelled.wait(10)


@pytest.mark.parametrize("agent", [here.spins, here.spins_async])
def test_an_agent_that_loops_for_ever_is_killed_when_its_time_is_over(processes, attempt, agent):
    turn = attempt(processes, agent, timeout=0.1)
    outcome = turn.outcome()
    assert (outcome.kind, outcome.retry) == ("DeadlineExceeded", True)
    assert is_gone(pid_thought(turn))


def test_what_an_agent_started_in_its_session_is_killed_with_it(at_level, attempt, wait_until):
    turn = attempt(at_level("limits"), here.has_a_child)
    grandchild = pid_thought(turn)
    assert not is_gone(grandchild)
    turn.cancel()
    assert turn.outcome().kind == "Cancelled"
    wait_until(lambda: is_gone(grandchild))


def test_a_flood_of_events_keeps_nobody_from_being_served(processes, attempt, port):
    flood = attempt(processes, here.floods_events, port=port("flooding"))
    assert flood.port.emitted.wait(20)
    neighbours = [attempt(processes, here.who, port=port("neighbour")) for _ in range(20)]
    assert [turn.outcome().kind for turn in neighbours] == [""] * 20
    assert not flood.ended
    flood.cancel()
    assert flood.outcome().kind == "Cancelled"


def test_what_an_agent_prints_is_logged_a_line_at_a_time_and_cannot_steer_a_terminal(
    processes, attempt, log, wait_until
):
    attempt(processes, here.prints).outcome()
    wait_until(lambda: len(log) >= 3)
    assert ("tested", "to stdout \\x1b[31m") in log
    assert ("tested", "to stderr") in log
    assert ("tested", "x" * 2_000 + "…") in log


def test_a_flood_of_output_is_cut_and_counted(processes, attempt, log):
    assert attempt(processes, here.floods_output).outcome().kind == ""
    processes.close(10.0)
    assert sum(len(text) for _, text in log) < 70_000
    assert "bytes of its output were dropped" in log[-1][1]


def test_no_secret_of_the_host_is_in_the_childs_environment(processes, attempt, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    names = json.loads(attempt(processes, here.reads_environment).outcome().result)
    assert "MALLOC_ARENA_MAX" in names
    assert set(names) <= {*PLAIN, "LC_ALL", "LC_CTYPE", "TZ"}


def test_a_forgotten_agent_runs_its_on_stop_and_its_process_ends(
    processes, attempt, tmp_path, wait_until
):
    note = tmp_path / "note"
    given = json.dumps({"note": str(note)}).encode()
    keeper = AgentSpec.of(here.Keeper, permissions={"write": [str(tmp_path)]})
    assert [attempt(processes, keeper, given).outcome().result for _ in "ab"] == [b"1", b"2"]
    pid = processes.pid("tested")
    processes.forget("tested")
    wait_until(lambda: is_gone(pid))
    assert note.read_text() == "stopped after 2"


def test_close_leaves_no_process(processes, attempt):
    running = attempt(processes, here.spins)
    pid = pid_thought(running)
    waiting = attempt(processes, here.spins)
    processes.close(10.0)
    assert [running.outcome().kind, waiting.outcome().kind] == ["KernelClosed"] * 2
    assert is_gone(pid)
    assert attempt(processes, here.who).outcome().kind == "KernelClosed"


@pytest.mark.parametrize("agent", ["spins_async", "waits", "has_a_daemon"])
def test_no_process_is_left_when_the_kernel_is_killed(agent, root_of_tests, wait_until, missing):
    if agent == "has_a_daemon" and (gone := lacking("strict", probe())):
        missing(gone[0][0], gone[0][1].remedy)
    script = KERNEL.format(
        folder=str(root_of_tests), root=str(root_of_tests.parents[1]), agent=agent
    )
    kernel = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        child, inside = map(int, kernel.stdout.readline().split())
        assert not is_gone(child)
        ours = Path("/proc/self/ns/pid").stat().st_ino
        assert (inside != ours) == (agent == "has_a_daemon")
    finally:
        kernel.send_signal(signal.SIGKILL)
        kernel.wait(10)
        kernel.stdout.close()
    wait_until(lambda: is_gone(child))
    wait_until(lambda: inside == ours or not list(processes_in(inside)))
