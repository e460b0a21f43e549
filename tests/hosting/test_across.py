"""What runs on another thread's loop: its value, its error, its end."""

from __future__ import annotations

import asyncio
import threading
import warnings

import pytest

from retinue.plugins.hosting.across import across


@pytest.fixture
def other():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_a_value_and_an_error_come_back_from_the_other_loop(other, on_a_loop):
    async def where():
        return asyncio.get_running_loop()

    async def broken():
        raise LookupError("there")

    async def work():
        assert await across(other, where()) is other
        with pytest.raises(LookupError, match="there"):
            await across(other, broken())

    on_a_loop(work())


def test_who_is_cancelled_here_is_cancelled_there(other, on_a_loop):
    begun, ended = threading.Event(), threading.Event()

    async def waits():
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    async def work():
        task = asyncio.create_task(across(other, waits()))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.wait, 10)

    on_a_loop(work())


def test_what_is_cancelled_before_its_first_step_never_runs(other, on_a_loop):
    ran, held, go = [], threading.Event(), threading.Event()

    async def would():
        ran.append(True)

    def hold():
        held.set()
        go.wait(10)

    async def work():
        other.call_soon_threadsafe(hold)
        await asyncio.to_thread(held.wait, 10)
        task = asyncio.create_task(across(other, would()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await across(other, asyncio.sleep(0))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_a_loop(work())
    assert ran == []


def test_a_cancel_from_there_is_one_here(other, on_a_loop):
    async def gives_up():
        raise asyncio.CancelledError

    async def work():
        with pytest.raises(asyncio.CancelledError):
            await across(other, gives_up())

    on_a_loop(work())


def test_a_closed_loop_is_told_at_once(on_a_loop):
    loop = asyncio.new_event_loop()
    loop.close()

    async def work():
        with pytest.raises(RuntimeError, match="closed"):
            await across(loop, asyncio.sleep(0))

    on_a_loop(work())
