"""Who writes when: a few at a time, everyone in order, nobody twice."""

from __future__ import annotations

import asyncio

from retinue.kernel.api.live.turns import AT_ONCE, Turns


def test_few_clients_are_woken_together():
    async def run():
        turns, wakes = Turns(), _wakes(AT_ONCE)
        for wake in wakes:
            turns.take(wake)
        await asyncio.wait_for(wakes[0].wait(), 10)
        return _woken(wakes)

    assert asyncio.run(run()) == AT_ONCE


def test_of_many_clients_a_few_are_woken_at_a_time_and_in_their_order():
    async def run():
        turns, wakes = Turns(), _wakes(3 * AT_ONCE)
        for wake in wakes:
            turns.take(wake)
        seen = []
        for first in range(0, len(wakes), AT_ONCE):
            await asyncio.wait_for(wakes[first].wait(), 10)
            seen.append(_woken(wakes))
        return seen

    assert asyncio.run(run()) == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE]


def test_a_client_that_waits_for_its_turn_is_woken_once():
    async def run():
        turns, wakes = Turns(), _wakes(AT_ONCE)
        later = asyncio.Event()
        for wake in (*wakes, wakes[0], later):
            turns.take(wake)
        await asyncio.wait_for(wakes[0].wait(), 10)
        wakes[0].clear()
        await asyncio.wait_for(later.wait(), 10)
        return wakes[0].is_set()

    assert asyncio.run(run()) is False


def test_a_client_that_was_woken_may_have_another_turn():
    async def run():
        turns, (wake,) = Turns(), _wakes(1)
        for _ in range(2):
            turns.take(wake)
            await asyncio.wait_for(wake.wait(), 10)
            wake.clear()

    asyncio.run(run())


def test_nobody_is_woken_after_all_were_forgotten():
    async def run():
        turns, wakes = Turns(), _wakes(2)
        turns.take(wakes[0])
        turns.clear()
        turns.take(wakes[1])
        await asyncio.wait_for(wakes[1].wait(), 10)
        return wakes[0].is_set()

    assert asyncio.run(run()) is False


def _wakes(count):
    return [asyncio.Event() for _ in range(count)]


def _woken(wakes):
    return sum(wake.is_set() for wake in wakes)
