"""Agents in processes of their own, with real processes: what they can do, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import agents_here as here
import pytest

from retinue.actors.execution import ProcessExecutor
from retinue.actors.execution.service import Service
from retinue.bus.messages import AgentProgress, AgentText, AgentThought
from retinue.plugins.llm.model import Delta
from retinue.plugins.llm.scripted import ScriptedModel

KERNEL = """
import sys, threading
from retinue.actors.execution import Executors, Turn
sys.path[:0] = [{folder!r}, {root!r}]
import agents_here
from tests.execution.conftest import RecordingPort
executors, port = Executors(), RecordingPort()
spec = agents_here.{agent}
executors.start(Turn(spec, None, b"{{}}", port, None), print)
assert port.emitted.wait(30)
print(executors.processes.pid("tested"), flush=True)
threading.Event().wait()
"""


@pytest.fixture
def processes(shared, log):
    def report(agent, text):
        log.append((agent, text))

    service = Service("tested-service", report)
    executor = ProcessExecutor(shared.run, service, report, grace=0.2)
    yield executor
    executor.close(10.0)
    service.close(10.0)
    assert executor._all == set()


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


def test_turns_of_an_agent_run_in_one_process_that_is_not_ours(processes, attempt):
    first, second = (
        json.loads(attempt(processes, here.who, b'{"text": "hi"}').outcome().result)
        for _ in range(2)
    )
    assert first == second
    assert first["text"] == "hi"
    assert first["pid"] not in (os.getpid(), None)


def test_steps_arrive_in_their_order_before_the_outcome(processes, attempt):
    turn = attempt(processes, here.talks)
    assert turn.outcome().result == b'"ab"'
    steps = [AgentThought("hm"), AgentProgress(1.0, 2.0), AgentText("a"), AgentText("b")]
    assert turn.port.events == steps


def test_the_state_goes_there_and_comes_back(processes, attempt, port):
    state_keeper = port()
    for turns in (1, 2, 3):
        outcome = attempt(processes, here.remembers, port=state_keeper).outcome()
        assert outcome.result == str(turns).encode()
    assert state_keeper.state == {"turns": 3}


def test_a_failed_turn_leaves_the_state_as_it_was(processes, attempt, port):
    state_keeper = port()
    state_keeper.state["kept"] = True
    assert attempt(processes, here.raises, port=state_keeper).outcome().kind == "LookupError"
    assert state_keeper.state == {"kept": True}


def test_the_turn_knows_its_run_task_attempt_deadline_and_model(processes, attempt, port):
    there = port("tested", "t-9", models={None: ScriptedModel([], name="scripted")})
    there.deadline = 1234.5
    outcome = attempt(processes, here.looks_around, port=there).outcome()
    assert json.loads(outcome.result) == ["r-1", "t-9", "tested", 1, 1234.5, "scripted"]


@pytest.mark.parametrize("agent", [here.uses_everything, here.uses_everything_async])
def test_tools_and_children_are_reached_through_the_kernel(processes, attempt, port, agent):
    async def double(n):
        return 2 * n

    turn = attempt(processes, agent, port=port(tools={"double": double}))
    result = json.loads(turn.outcome().result)
    assert result == [8, "t-child", {"of": "t-child"}, "no tool missing"]
    assert turn.port.submitted == ("other", {"n": 1}, 7, None, "")
    assert turn.port.cancelled_child == ("t-child", "enough")


def test_a_model_streams_into_the_process(processes, attempt, port):
    turn = attempt(processes, here.streams, port=port(models={None: ScriptedModel(["good day"])}))
    assert turn.outcome().result == b'"good day"'
    assert "".join(e.delta for e in turn.port.events) == "good day"


def test_a_model_that_is_not_there_says_so_when_it_is_used(processes, attempt):
    outcome = attempt(processes, here.streams).outcome()
    assert (outcome.kind, outcome.cause) == ("Unavailable", "no model None")


def test_leaving_a_stream_early_ends_the_models_side_of_it_while_the_turn_goes_on(
    processes, attempt, port
):
    ended = asyncio.Event()

    class Endless:
        name = "endless"

        async def stream(self, messages, **options):
            try:
                while True:
                    yield Delta("x")
                    await asyncio.sleep(0)
            finally:
                ended.set()

    there = port(models={None: Endless()}, tools={"ended": ended.wait})
    assert attempt(processes, here.leaves_the_stream, port=there).outcome().result == b'"x"'


def test_turns_of_an_async_agent_overlap_in_their_process(processes, attempt, port):
    barrier = asyncio.Barrier(2)

    async def meet():
        await barrier.wait()
        return "met"

    turns = [attempt(processes, here.meets, port=port(tools={"meet": meet})) for _ in range(2)]
    assert [turn.outcome().result for turn in turns] == [b'"met"'] * 2


@pytest.mark.parametrize(
    ("agent", "kind", "words"),
    [
        (here.raises, "LookupError", "no such book"),
        (here.gives_no_json, "InvalidInput", "result cannot be encoded"),
        (here.gives_too_much, "ResultTooLarge", "pass a path or a reference"),
        (here.thinks_too_much, "InvalidInput", "pass a path or a reference"),
        (here.exits, "SystemExit", "3"),
        (here.hogs_memory, "MemoryError", ""),
        (here.exits_for_real, "ProcessDied", "exited with code 3"),
        (here.segfaults, "ProcessDied", "was killed by SIGSEGV"),
        (here.killed, "ProcessDied", "was killed by SIGKILL"),
        (here.babbles, "ProcessDied", "broke the protocol: a frame of 4,294,967,295 bytes"),
        (here.forges, "ProcessDied", "'task.succeeded' is not an agent's to report"),
    ],
)
def test_each_way_to_fail_is_an_outcome_and_the_next_turn_is_well(
    processes, attempt, agent, kind, words
):
    outcome = attempt(processes, agent).outcome()
    assert outcome.kind == kind
    assert words in outcome.cause
    assert attempt(processes, here.who).outcome().kind == ""


def test_an_input_that_does_not_fit_is_refused_for_good(processes, attempt):
    outcome = attempt(processes, here.who, b'{"text": 5}').outcome()
    assert (outcome.kind, outcome.retry) == ("InvalidInput", False)


def test_what_an_agent_reported_before_its_process_died_has_arrived(
    processes, attempt, port, wait_until
):
    there = port()
    take = there.emit

    def take_the_first_when_the_process_is_gone(body):
        take(body)
        wait_until(lambda: is_gone(int(there.events[0].text)))

    there.emit = take_the_first_when_the_process_is_gone
    turn = attempt(processes, here.thinks_and_dies, port=there)
    assert turn.outcome().kind == "ProcessDied"
    assert [len(e.text) for e in there.events][1:] == [150_000]


def test_what_waited_behind_a_crash_runs_in_a_fresh_process(processes, attempt):
    crashing = attempt(processes, here.crashes_or_not, b'{"crash": true}')
    waiting = attempt(processes, here.crashes_or_not, b'{"crash": false}')
    assert crashing.outcome().kind == "ProcessDied"
    assert waiting.outcome().result == b'"well"'


def test_an_agent_that_nobody_else_can_import_is_refused_with_the_remedy(processes, attempt):
    outcome = attempt(processes, lambda ctx: 1).outcome()
    assert (outcome.kind, outcome.retry) == ("InvalidInput", False)
    assert "define it at module level" in outcome.cause


def test_an_agent_whose_module_cannot_be_imported_fails_with_what_that_raised(
    processes, attempt, tmp_path, monkeypatch
):
    (tmp_path / "breaks_there.py").write_text(
        "import os\nif 'PYTEST_VERSION' not in os.environ:\n    raise RuntimeError('not there')\n"
        "def run(ctx):\n    return 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import breaks_there

    outcome = attempt(processes, breaks_there.run).outcome()
    assert (outcome.kind, outcome.cause) == ("RuntimeError", "not there")


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


def test_what_an_agent_started_in_its_session_is_killed_with_it(processes, attempt, wait_until):
    turn = attempt(processes, here.has_a_child)
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
    assert log[:2] == [("tested", "to stdout �[31m"), ("tested", "to stderr")]
    assert log[2] == ("tested", "x" * 1_000)


def test_a_flood_of_output_is_cut_and_counted(processes, attempt, log):
    assert attempt(processes, here.floods_output).outcome().kind == ""
    processes.close(10.0)
    assert sum(len(text) for _, text in log) < 70_000
    assert "bytes of its output were dropped" in log[-1][1]


def test_no_secret_of_the_host_is_in_the_childs_environment(processes, attempt, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    names = json.loads(attempt(processes, here.reads_environment).outcome().result)
    assert "PYTHONPATH" in names
    assert "OPENAI_API_KEY" not in names


def test_a_forgotten_agent_runs_its_on_stop_and_its_process_ends(
    processes, attempt, tmp_path, wait_until
):
    note = tmp_path / "note"
    given = json.dumps({"note": str(note)}).encode()
    assert [attempt(processes, here.Keeper, given).outcome().result for _ in "ab"] == [b"1", b"2"]
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


@pytest.mark.parametrize("agent", ["spins_async", "waits"])
def test_no_process_is_left_when_the_kernel_is_killed(agent, root_of_tests, wait_until):
    script = KERNEL.format(
        folder=str(root_of_tests), root=str(root_of_tests.parents[1]), agent=agent
    )
    kernel = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        child = int(kernel.stdout.readline())
        assert not is_gone(child)
    finally:
        kernel.send_signal(signal.SIGKILL)
        kernel.wait(10)
        kernel.stdout.close()
    wait_until(lambda: is_gone(child))


def test_a_child_ends_by_itself_when_its_channel_does():
    ours, theirs = socket.socketpair()
    module = [sys.executable, "-m", "retinue.plugins.host.child"]
    with theirs:
        numbers = map(str, (theirs.fileno(), os.getpid(), 0))
        child = subprocess.Popen([*module, *numbers], pass_fds=[theirs.fileno()])
    ours.close()
    assert child.wait(20) == 0


def test_a_child_whose_parent_is_another_by_now_ends_at_once():
    ours, theirs = socket.socketpair()
    module = [sys.executable, "-m", "retinue.plugins.host.child"]
    with ours, theirs:
        numbers = map(str, (theirs.fileno(), 1, 0))
        child = subprocess.Popen([*module, *numbers], pass_fds=[theirs.fileno()])
        assert child.wait(20) == 1
