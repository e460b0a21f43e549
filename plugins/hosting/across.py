"""Awaiting on one thread's loop what runs on another's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["across"]

T = TypeVar("T")


async def across(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives or raises, run as a task of ``loop``; cancelled here, it is cancelled there.

    ``asyncio.run_coroutine_threadsafe`` does the same with a future of threads in between, whose
    locks and callbacks cost more than a short call does. Raises ``RuntimeError`` for a closed loop.
    """
    here = asyncio.get_running_loop()
    answer: asyncio.Future[T] = here.create_future()
    begun: list[asyncio.Task[None]] = []

    def tell(value: Any, failed: BaseException | None) -> None:
        with suppress(RuntimeError):  # that loop is closed: nobody waits
            here.call_soon_threadsafe(_settle, answer, value, failed)

    async def there() -> None:
        try:
            value = await work
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            tell(None, error)
        except BaseException as error:
            tell(None, error)
            raise
        else:
            tell(value, None)

    def begin() -> None:
        begun.append(loop.create_task(there()))

    def end() -> None:
        begun[0].add_done_callback(lambda _: work.close())  # it may not have come to its first step
        begun[0].cancel()

    try:
        loop.call_soon_threadsafe(begin)
    except RuntimeError:
        work.close()
        raise
    try:
        return await answer
    except asyncio.CancelledError:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end)
        raise


def _settle(answer: asyncio.Future[T], value: T, failed: BaseException | None) -> None:
    if answer.done():
        return
    if failed is None:
        answer.set_result(value)
    elif isinstance(failed, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(failed)
