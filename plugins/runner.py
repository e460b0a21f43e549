"""An agent's code, ready for turns: one call for its four shapes, and an object's life."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from enum import Enum
from typing import Any

__all__ = ["Runner", "Shape"]


class Shape(Enum):
    """How the function of an agent is called, and what it hands back."""

    COROUTINE = "async def"
    STREAM = "async def with yield"
    PLAIN = "def"
    PLAIN_STREAM = "def with yield"

    @property
    def is_async(self) -> bool:
        """Whether a turn is awaited, and so may share a loop with others."""
        return self in (Shape.COROUTINE, Shape.STREAM)

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Shape:
        """The shape of ``function``."""
        if inspect.isasyncgenfunction(function):
            return cls.STREAM
        if inspect.iscoroutinefunction(function):
            return cls.COROUTINE
        return cls.PLAIN_STREAM if inspect.isgeneratorfunction(function) else cls.PLAIN


class Runner:
    """One agent's code. Keep it as long as the agent lives; ``stop`` it when the agent stops.

    The object of a class agent is made at its first turn, where turns run, and its ``on_start``
    is part of that turn: when it raises, the turn fails and the next one starts anew.
    """

    def __init__(self, function: Callable[..., Any], *, takes_context: bool, what: str) -> None:
        """``function`` is the agent's function or class; ``what`` names it in errors."""
        self._function = function
        self._takes_context = takes_context
        self._what = what
        self._object: Any = None
        is_class = isinstance(function, type)
        self._call: Callable[..., Any] | None = None if is_class else function
        self._shape = Shape.of(function.run if is_class else function)  # type: ignore[attr-defined]
        self._turns = {
            Shape.COROUTINE: self._coroutine,
            Shape.STREAM: self._stream,
            Shape.PLAIN: self._plain,
            Shape.PLAIN_STREAM: self._plain_stream,
        }[self._shape]
        self._opening_async = asyncio.Lock()
        self._opening = threading.Lock()

    def run(self, ctx: Any, params: dict[str, Any]) -> Any:
        """One turn: an awaitable for an async agent, else the value, on the calling thread.

        What a generator yields are text deltas, and its value is their concatenation.
        """
        return self._turns(ctx, params)

    def stop(self) -> Any:
        """Call ``on_stop`` of an object that was made; awaitable when that is ``async def``."""
        made, self._object = self._object, None
        if made is None or not hasattr(made, "on_stop"):
            return None
        self._call = None
        return made.on_stop()

    def _coroutine(self, ctx: Any, params: dict[str, Any]) -> Any:
        if self._call is None:
            return self._first_coroutine(ctx, params)
        return self._call(ctx, **params) if self._takes_context else self._call(**params)

    async def _first_coroutine(self, ctx: Any, params: dict[str, Any]) -> Any:
        await self._open_async()
        return await self._coroutine(ctx, params)

    async def _stream(self, ctx: Any, params: dict[str, Any]) -> str:
        if self._call is None:
            await self._open_async()
        deltas: AsyncGenerator[Any, None] = self._coroutine(ctx, params)
        said = []
        async with aclosing(deltas):
            async for delta in deltas:
                said.append(self._text(delta))
                ctx.text(delta)
        return "".join(said)

    def _plain(self, ctx: Any, params: dict[str, Any]) -> Any:
        if self._call is None:
            self._open()
        value = self._coroutine(ctx, params)
        if inspect.iscoroutine(value):
            value.close()
            raise TypeError(
                f"{self._what} is a plain function that returned a coroutine; "
                "write it as `async def`"
            )
        return value

    def _plain_stream(self, ctx: Any, params: dict[str, Any]) -> str:
        if self._call is None:
            self._open()
        deltas: Generator[Any, None, Any] = self._coroutine(ctx, params)
        said = []
        try:
            for delta in deltas:
                said.append(self._text(delta))
                ctx.text(delta)
        finally:
            deltas.close()
        return "".join(said)

    def _text(self, delta: Any) -> str:
        if isinstance(delta, str):
            return delta
        raise TypeError(f"{self._what} yielded {type(delta).__name__}; yield str, a text delta")

    async def _open_async(self) -> None:
        async with self._opening_async:
            if self._call is None:
                made = self._function()
                started = made.on_start() if hasattr(made, "on_start") else None
                if inspect.isawaitable(started):
                    await started
                self._object, self._call = made, made.run

    def _open(self) -> None:
        with self._opening:
            if self._call is None:
                made = self._function()
                if hasattr(made, "on_start"):
                    made.on_start()
                self._object, self._call = made, made.run
