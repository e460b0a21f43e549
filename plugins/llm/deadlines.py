"""How long a model may stay silent, and what happens when it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import DeadlineExceeded, InvalidInput

from .model import Delta

__all__ = ["Budget", "pause", "within"]


class Budget(msgspec.Struct, frozen=True):
    """The longest silences a stream may have, in seconds.

    ``first_token`` covers loading, queueing and reading the prompt.
    """

    first_token: float = 60.0
    between_tokens: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what could never be kept."""
        if not (self.first_token > 0 and self.between_tokens > 0):
            raise InvalidInput(f"{self!r}: both silences must be more than 0 seconds")


async def within(
    stream: AsyncGenerator[Delta, None],
    *,
    model: str,
    budget: Budget,
    clock: Clock = SystemClock(),  # noqa: B008 - stateless
) -> AsyncGenerator[Delta, None]:
    """Pass ``stream`` on, and close it when it is silent for longer than ``budget`` allows.

    The time that the reader takes between two pieces does not count.
    Raises DeadlineExceeded, which names ``model`` and the silent seconds.
    """
    seconds, awaited = budget.first_token, "the first token"
    try:
        while True:
            scope = asyncio.timeout(None)
            try:
                async with scope:
                    with _expiry(scope, clock, seconds):
                        delta = await anext(stream, None)
            except TimeoutError as error:
                if not scope.expired():
                    raise
                raise DeadlineExceeded(
                    f"model {model!r} was silent for {seconds:g} s while {awaited} was due; "
                    "raise its budget, or ask for less"
                ) from error
            if delta is None:
                return
            yield delta
            seconds, awaited = budget.between_tokens, "the next token"
    finally:
        await stream.aclose()


async def pause(clock: Clock, seconds: float) -> None:
    """Wait until ``clock`` has moved on by ``seconds``."""
    scope = asyncio.timeout(None)
    try:
        async with scope:
            with _expiry(scope, clock, seconds):
                await asyncio.get_running_loop().create_future()
    except TimeoutError:
        if not scope.expired():
            raise


@contextmanager
def _expiry(scope: asyncio.Timeout, clock: Clock, seconds: float) -> Iterator[None]:
    """Expire ``scope`` once ``clock`` has moved on by ``seconds``, by itself or by hand."""
    loop = asyncio.get_running_loop()
    deadline = clock.monotonic() + seconds
    timer: asyncio.TimerHandle | None = None
    over = False

    def check() -> None:
        nonlocal timer
        if timer is not None:
            timer.cancel()
        if over:
            return
        left = deadline - clock.monotonic()
        if left > 0:
            timer = loop.call_later(left, check)
        else:
            scope.reschedule(loop.time())

    def moved() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(check)

    unsubscribe = clock.subscribe(moved)
    check()
    try:
        yield
    finally:
        over = True
        unsubscribe()
        if timer is not None:
            timer.cancel()
