from __future__ import annotations

import asyncio

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import DeadlineExceeded, InvalidInput
from retinue.plugins.llm import Budget, Delta, within

BUDGET = Budget(first_token=60.0, between_tokens=10.0)


class Line:
    """A stream that says what it is given, and remembers that it was closed."""

    def __init__(self):
        self.said = asyncio.Queue()
        self.closed = False

    async def stream(self):
        try:
            while True:
                yield await self.said.get()
        finally:
            self.closed = True


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_silent_start_is_named_with_model_and_seconds_and_its_stream_is_closed():
    async def main():
        clock, line = ManualClock(), Line()
        stream = within(line.stream(), model="slow", budget=BUDGET, clock=clock)
        reading = asyncio.create_task(anext(stream))
        await turns()
        clock.advance(59.0)
        await turns()
        assert not reading.done()
        clock.advance(1.0)
        with pytest.raises(DeadlineExceeded, match="'slow' was silent for 60 s while the first"):
            await reading
        assert line.closed

    asyncio.run(main())


def test_a_silence_between_tokens_has_a_shorter_bound():
    async def main():
        clock, line = ManualClock(), Line()
        line.said.put_nowait(Delta("a"))
        stream = within(line.stream(), model="slow", budget=BUDGET, clock=clock)
        assert await anext(stream) == Delta("a")
        reading = asyncio.create_task(anext(stream))
        await turns()
        clock.advance(10.0)
        with pytest.raises(DeadlineExceeded, match="silent for 10 s while the next token"):
            await reading

    asyncio.run(main())


def test_the_readers_own_time_does_not_count():
    async def main():
        clock, line = ManualClock(), Line()
        stream = within(line.stream(), model="slow", budget=BUDGET, clock=clock)
        line.said.put_nowait(Delta("a"))
        await anext(stream)
        clock.advance(1000.0)
        line.said.put_nowait(Delta("b"))
        assert await anext(stream) == Delta("b")

    asyncio.run(main())


def test_a_deadline_of_the_caller_is_not_taken_for_the_models_silence():
    async def main():
        line = Line()
        stream = within(line.stream(), model="slow", budget=BUDGET, clock=ManualClock())
        with pytest.raises(TimeoutError) as ended:
            async with asyncio.timeout(0):
                await anext(stream)
        assert not isinstance(ended.value, DeadlineExceeded)
        assert line.closed

    asyncio.run(main())


def test_a_timeout_of_the_stream_itself_is_passed_on():
    async def failing():
        raise TimeoutError("its own")
        yield Delta()

    async def main():
        with pytest.raises(TimeoutError, match="its own"):
            await anext(within(failing(), model="slow", budget=BUDGET, clock=ManualClock()))

    asyncio.run(main())


def test_closing_the_stream_closes_what_is_behind_it_at_once():
    async def main():
        line = Line()
        line.said.put_nowait(Delta("a"))
        behind = line.stream()
        stream = within(behind, model="slow", budget=BUDGET, clock=ManualClock())
        await anext(stream)
        await stream.aclose()
        assert line.closed

    asyncio.run(main())


def test_real_time_counts_without_a_hand_that_moves_it():
    async def main():
        stream = within(Line().stream(), model="slow", budget=Budget(0.01, 0.01))
        with pytest.raises(DeadlineExceeded, match=r"0\.01 s"):
            await anext(stream)

    asyncio.run(main())


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(InvalidInput, match="more than 0"):
        Budget(first_token=0.0)
