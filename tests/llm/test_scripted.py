from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import ModelError
from retinue.plugins.llm import Delta, Message, Usage, complete
from retinue.plugins.llm.scripted import ScriptedModel, read_recording

HELLO = [Message("user", "hello there")]


def test_answers_are_said_in_order_and_calls_are_kept():
    model = ScriptedModel(["one two", lambda call: call.messages[0].content.upper()])
    texts = [asyncio.run(complete(model, HELLO, max_tokens=n)).text for n in (7, 8)]
    assert texts == ["one two", "HELLO THERE"]
    assert [call.max_tokens for call in model.calls] == [7, 8]
    assert repr(model) == "<ScriptedModel scripted 2 of 2 said>"


def test_a_text_is_streamed_word_by_word_and_counted():
    async def deltas():
        async with aclosing(ScriptedModel(["a  b\n"]).stream(HELLO)) as stream:
            return [delta async for delta in stream]

    assert asyncio.run(deltas()) == [
        Delta("a"),
        Delta("  b"),
        Delta("\n"),
        Delta(usage=Usage(2, 3), finish="stop"),
    ]


def test_an_exception_in_the_script_is_raised():
    with pytest.raises(ModelError, match="overloaded"):
        asyncio.run(complete(ScriptedModel([ModelError("overloaded")]), HELLO))


def test_a_script_at_its_end_says_how_many_answers_it_had():
    model = ScriptedModel(["only one"])
    asyncio.run(complete(model, HELLO))
    with pytest.raises(ModelError, match="'scripted' has a script of 1 answers"):
        asyncio.run(complete(model, HELLO))


def test_each_piece_waits_for_the_clock_to_move():
    clock = ManualClock()
    model = ScriptedModel(["one two"], delay=5.0, clock=clock)
    seen = []

    async def read():
        async for delta in model.stream(HELLO):
            seen.append(delta.text)  # noqa: PERF401 - in between, others append too

    async def main():
        reading = asyncio.create_task(read())
        for _ in range(3):
            await turns()
            seen.append("tick")
            clock.advance(5.0)
        await reading

    asyncio.run(main())
    assert seen == ["tick", "one", "tick", " two", "tick", ""]


def test_a_recording_is_replayed_piece_by_piece(tmp_path):
    path = tmp_path / "answer.jsonl"
    path.write_text('# asked: hello\n{"text":"Hel"}\n{"text":"lo"}\n{"finish":"stop"}\n')
    assert read_recording(path) == [Delta("Hel"), Delta("lo"), Delta(finish="stop")]
    answer = asyncio.run(complete(ScriptedModel.replay(path), HELLO))
    assert (answer.text, answer.finish) == ("Hello", "stop")


async def turns(count=20):
    """Let the other tasks of the loop run as far as they can."""
    for _ in range(count):
        await asyncio.sleep(0)
