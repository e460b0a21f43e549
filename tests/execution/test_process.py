"""Agents in processes of their own, with real processes: what they can do, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import agents_here as here
import pytest

from retinue.bus.messages import AgentProgress, AgentText, AgentThought
from retinue.plugins.llm.model import Delta
from retinue.plugins.llm.scripted import ScriptedModel


def is_gone(pid):
    """Whether no process has that number, or only one that ended and was not waited for."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


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
