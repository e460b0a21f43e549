"""The parts of a replay: its loop, its inversions, its comparisons, and the way out that is shut."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextvars import copy_context

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.actors.answers import error_of, pieces_of, raised, value_of
from retinue.actors.tasks import backoff
from retinue.bus.envelope import Envelope
from retinue.bus.errors import DeadlineExceeded, ModelError, TaskFailed, Unavailable
from retinue.bus.messages import LlmReturned, ToolReturned
from retinue.kernel.replay.divergence import difference
from retinue.kernel.replay.inversions import jitter_of, seconds_until
from retinue.kernel.replay.offline import offline
from retinue.kernel.replay.virtual_loop import VirtualLoop


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True))
def test_the_jitter_of_a_delay_gives_the_very_delay(attempt, jitter):
    delay = backoff(attempt, jitter)
    found = jitter_of(attempt, delay)
    assert found is not None
    assert backoff(attempt, found) == delay


def test_a_delay_that_no_jitter_gives_has_none():
    assert jitter_of(1, 5.0) is None
    assert jitter_of(1, 0.01) is None


@given(st.floats(1e9, 2e9), st.floats(0.001, 1e6))
def test_seconds_until_a_moment_lead_to_that_very_moment(now, seconds):
    moment = now + seconds
    assert now + seconds_until(moment, now) == moment


def test_a_virtual_loop_waits_for_nobody_and_fires_when_told():
    loop, order = VirtualLoop(100.0), []

    async def sleeper(name, seconds):
        await asyncio.sleep(seconds)
        order.append((name, loop.time()))

    tasks = [loop.create_task(sleeper("late", 3600)), loop.create_task(sleeper("soon", 5))]
    loop.run_ready()
    assert order == []
    assert loop.due() == 105.0
    loop.fire()
    loop.run_ready()
    assert order == [("soon", 105.0)]
    loop.fire()
    loop.run_ready()
    assert order[-1] == ("late", 3700.0)
    assert all(task.done() for task in tasks)
    loop.close()


def test_a_virtual_loop_steps_through_what_is_ready():
    loop, order = VirtualLoop(0.0), []
    loop.call_soon(lambda: (order.append(1), loop.call_soon(order.append, 2)))
    assert loop.step()
    assert order == [1]
    assert loop.step()
    assert order == [1, 2]
    assert not loop.step()
    loop.close()


def test_blocking_work_of_a_virtual_loop_is_done_at_once():
    loop = VirtualLoop(0.0)

    async def both():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        return await asyncio.to_thread(threading.get_ident)

    task = loop.create_task(both())
    loop.run_ready()
    assert task.result() == threading.get_ident()
    loop.close()


def envelope(**body):
    return Envelope("e-1", body["type"], 1.0, msgspec.json.encode(body), "r", "t", "a", "", "e-0")


def test_the_first_field_that_differs_is_the_first_in_the_recorded_order():
    recorded = envelope(type="tool.called", args={"query": ["a", "b"], "n": 1}, effect="none")
    replayed = envelope(type="tool.called", args={"query": ["a", "c"], "n": 2}, effect="once")
    found = difference(recorded, replayed)
    assert (found.field, found.recorded, found.replayed) == ("args.query[1]", '"b"', '"c"')


def test_a_field_that_only_one_side_has_and_a_header_are_differences():
    recorded = envelope(type="x", a=1)
    assert difference(recorded, envelope(type="x", a=1, b=2)).field == "b"
    assert difference(recorded, envelope(type="x", a=1.0)).field == "a"
    moved = msgspec.structs.replace(recorded, cause="e-9")
    assert difference(recorded, moved).field == "cause"
    assert difference(recorded, envelope(type="x", a=1)) is None


def test_a_recorded_error_is_raised_as_the_kind_that_it_was():
    assert isinstance(error_of("DeadlineExceeded", "too late"), DeadlineExceeded)
    failed = error_of("TaskFailed", "task t-1 failed")
    assert isinstance(failed, TaskFailed)
    assert str(failed) == "task t-1 failed"
    own = error_of("NoSuchBook", "it is lent")
    assert (type(own).__name__, str(own)) == ("NoSuchBook", "it is lent")
    assert str(error_of("KeyError", "'shelf'")) == "'shelf'"
    assert str(error_of("ValueError", "")) == ""


def test_a_tools_answer_is_the_value_or_the_error_that_it_gave():
    answer = ToolReturned("c", "look", ok=True, seconds=0.1, result=msgspec.Raw(b'{"a":[1,2.0]}'))
    assert msgspec.json.encode(value_of(answer)) == b'{"a":[1,2.0]}'
    odd = ToolReturned("c", "look", ok=True, seconds=0.1, result=msgspec.Raw(b"1e2"))
    assert msgspec.json.encode(value_of(odd)) == b"1e2"
    failed = ToolReturned("c", "look", ok=False, seconds=0.1, error="ModelError: no: more")
    assert isinstance(raised(failed), ModelError)
    assert str(raised(failed)) == "no: more"


def test_a_models_answer_comes_in_the_pieces_that_it_came_in():
    answer = LlmReturned("l", "m", 0.1, 3, 4, "stop", text="ünïcode is", pieces=(3, 0, 7))
    deltas = pieces_of(answer)
    assert [delta.text for delta in deltas] == ["ünï", "", "code is"]
    assert (deltas[-1].finish, deltas[-1].usage.output_tokens) == ("stop", 4)
    longer = msgspec.structs.replace(answer, text="ünïcode is [secret:key]")
    assert "".join(delta.text for delta in pieces_of(longer)) == longer.text


def test_the_way_out_is_shut_for_this_thread_and_its_copies_and_no_other():
    results = []

    def dial():
        try:
            with socket.socket() as dialled:
                dialled.settimeout(0.2)
                dialled.connect(("127.0.0.1", 9))
        except Unavailable:
            results.append("refused")
        except OSError:
            results.append("tried")

    with offline():
        dial()
        copied = threading.Thread(target=copy_context().run, args=(dial,))
        copied.start()
        copied.join(10)
        other = threading.Thread(target=dial)
        other.start()
        other.join(10)
    dial()
    assert results == ["refused", "refused", "tried", "tried"]
