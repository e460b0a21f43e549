"""Blocking agents on threads of their own: outcomes, cancelling, and threads left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from retinue.bus.errors import ToolError
from retinue.bus.messages import AgentText
from retinue.plugins import AgentSpec

# A strike lands wherever the thread is, also in a callback of the garbage collector that some
# library has set; there Python can only report it. The thread is then left behind instead.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def spins(ctx):
    ctx.thought("spinning")
    while True:
        pass


def test_a_plain_function_runs_on_a_thread_that_bears_its_agents_name(threads, attempt):
    def where(ctx):
        return threading.current_thread().name

    assert attempt(threads, where).outcome().result == b'"agent-tested"'


def test_turns_of_one_agent_follow_one_another_and_agents_run_side_by_side(threads, attempt, port):
    gate = threading.Event()

    def waits(ctx):
        return gate.wait(10)

    def opens(ctx):
        gate.set()
        return True

    first = attempt(threads, waits, port=port("one"))
    second = attempt(threads, opens, port=port("one"))
    third = attempt(threads, opens, port=port("another"))
    assert [t.outcome().result for t in (first, second, third)] == [b"true"] * 3


def test_a_generator_of_text_is_emitted_delta_by_delta(threads, attempt):
    def tell(ctx):
        yield "a"
        yield "b"

    turn = attempt(threads, tell)
    assert turn.outcome().result == b'"ab"'
    assert turn.port.events == [AgentText("a"), AgentText("b")]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), ValueError("no")])
def test_what_an_agent_raises_is_its_outcome_and_its_thread_goes_on(threads, attempt, error):
    idents = []

    def fails(ctx):
        idents.append(threading.get_ident())
        raise error

    assert [attempt(threads, fails).outcome().kind for _ in range(2)] == [type(error).__name__] * 2
    assert len(set(idents)) == 1


def test_a_blocking_call_of_a_tool_runs_on_the_agents_loop(threads, attempt, port):
    async def where():
        return threading.current_thread().name

    def asks(ctx):
        return ctx.call("where")

    assert attempt(threads, asks, port=port(tools={"where": where})).outcome().result == b'"agents"'


def test_an_error_of_a_tool_is_raised_in_the_agent(threads, attempt):
    def asks(ctx):
        try:
            ctx.call("missing")
        except ToolError as error:
            return str(error)

    assert attempt(threads, asks).outcome().result == b'"no tool missing"'


def test_a_turn_that_waits_for_a_tool_is_cancelled_and_so_is_the_tool(threads, attempt, port):
    began, cancelled = threading.Event(), threading.Event()

    async def slow():
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    def asks(ctx):
        ctx.call("slow")

    turn = attempt(threads, asks, port=port(tools={"slow": slow}))
    assert began.wait(10)
    turn.cancel("enough")
    outcome = turn.outcome()
    assert (outcome.kind, outcome.cause, outcome.retry) == ("Cancelled", "enough", False)
    assert cancelled.wait(10)


def test_a_queued_turn_that_is_cancelled_never_begins(threads, attempt):
    gate, began = threading.Event(), []

    def waits(ctx):
        gate.wait(10)

    first = attempt(threads, waits)
    second = attempt(threads, lambda ctx: began.append(1))
    second.cancel()
    assert second.outcome().kind == "Cancelled"
    gate.set()
    assert first.outcome().kind == ""
    assert attempt(threads, waits).outcome().kind == ""
    assert began == []


def test_an_agent_that_loops_for_ever_is_struck_when_its_time_is_over(threads, attempt):
    outcome = attempt(threads, spins, timeout=0.05).outcome()
    assert (outcome.kind, outcome.retry) == ("DeadlineExceeded", True)
    assert "spins" in outcome.traceback


def test_the_kernel_may_end_a_turn_as_hung(threads, attempt, log):
    turn = attempt(threads, spins)
    assert turn.port.emitted.wait(10)
    turn.cancel("no progress for 60 s", kind="AgentHung")
    assert (turn.outcome().kind, turn.outcome().retry) == ("AgentHung", True)
    assert log == []


def test_a_thread_that_is_blocked_in_c_is_left_behind_and_what_waited_gets_a_fresh_one(
    threads, attempt, open_gate, log
):
    idents = []

    def blocks(ctx):
        idents.append(threading.get_ident())
        open_gate.wait(30)

    def well(ctx):
        idents.append(threading.get_ident())
        return "well"

    blocked = attempt(threads, blocks, timeout=0.05)
    waiting = attempt(threads, well)
    assert blocked.outcome().kind == "DeadlineExceeded"
    assert waiting.outcome().result == b'"well"'
    assert len(set(idents)) == 2
    assert "left behind" in log[0][1]
    assert "blocks (test_threads.py:" in log[0][1]


def test_an_agent_whose_on_start_was_left_behind_starts_anew(threads, attempt, open_gate):
    made = []

    class Slow:
        def on_start(self):
            made.append(self)
            if len(made) == 1:
                open_gate.wait(30)

        def run(self, ctx):
            return made.index(self)

    runner = AgentSpec.of(Slow).instance()
    first = attempt(threads, Slow, runner=runner, timeout=0.05)
    second = attempt(threads, Slow, runner=runner)
    assert first.outcome().kind == "DeadlineExceeded"
    assert second.outcome().result == b"1"


def test_a_turn_at_its_end_is_never_struck_afterwards(threads, attempt):
    def lasting(rounds):
        def brief(ctx):
            ctx.thought("here")
            return sum(1 for _ in range(rounds))

        return brief

    threads.grace = 0.0
    kinds = set()
    for rounds in range(0, 100_000, 1_000):
        turn = attempt(threads, lasting(rounds))
        assert turn.port.emitted.wait(10)
        turn.cancel()
        kinds.add(turn.outcome().kind)
    assert kinds <= {"", "Cancelled"}
    assert attempt(threads, lasting(1)).outcome().result == b"1"


def test_an_idle_thread_ends_and_comes_back_with_the_next_turn(threads, attempt, wait_until):
    threads._idle = 0.01

    def who(ctx):
        return 1

    for _ in range(3):
        assert attempt(threads, who).outcome().result == b"1"
        wait_until(lambda: not _threads_of("tested"))


def test_an_agent_that_is_forgotten_runs_its_on_stop_on_its_thread_which_ends(
    threads, attempt, wait_until
):
    seen = []

    class Keeper:
        def run(self, ctx):
            seen.append(threading.get_ident())

        def on_stop(self):
            seen.append(threading.get_ident())

    runner = AgentSpec.of(Keeper).instance()
    attempt(threads, Keeper, runner=runner).outcome()
    threads.forget("tested", runner)
    wait_until(lambda: not _threads_of("tested"))
    assert len(seen) == 2
    assert len(set(seen)) == 1


def test_close_ends_what_runs_and_what_waits_and_leaves_no_thread(threads, attempt):
    def patient(ctx):
        ctx.thought("waiting")
        while not ctx.cancelled:
            pass
        return 1

    running = attempt(threads, spins)
    assert running.port.emitted.wait(10)
    queued = attempt(threads, patient)
    threads.close(10.0)
    assert [running.outcome().kind, queued.outcome().kind] == ["KernelClosed"] * 2
    assert attempt(threads, patient).outcome().kind == "KernelClosed"
    assert _threads_of("tested") == []


def _threads_of(agent):
    return [t for t in threading.enumerate() if t.name == f"agent-{agent}"]
