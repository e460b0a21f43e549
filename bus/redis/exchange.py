"""What a reader does with a connection, as data: its decisions serve threads and event loops alike.

A reader is written as generators of actions (``Steps``). ``Line`` carries them out on a thread,
``AsyncLine`` on an event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import redis

from .client import RawConnection
from .resp import command

__all__ = ["Action", "Ask", "Drop", "Line", "Listen", "Pause", "Steps", "checked", "packed"]

T = TypeVar("T")
Command = tuple[bytes, ...]


class Ask(NamedTuple):
    """Send commands together, and give a list with each one's reply: errors are in it, not raised."""

    commands: tuple[Command, ...]


class Listen(NamedTuple):
    """Give the next message of a channel, or ``None`` when none comes for so many seconds."""

    seconds: float


class Pause(NamedTuple):
    """Wait for so many seconds, unless the reader is closed."""

    seconds: float


class Drop(NamedTuple):
    """Close the connection; the next action opens another."""


Action = Ask | Listen | Pause | Drop
Steps = Generator[Action, Any, T]
"""Actions, to whose place their answers are sent, or a ``redis.RedisError`` is thrown."""


class Line:
    """Carries out steps on a connection of its own, which it opens when it must. For one thread."""

    def __init__(self, connect: Callable[[], RawConnection], closed: threading.Event) -> None:
        """``closed`` ends pauses."""
        self._connect = connect
        self._closed = closed
        self._connection: _Connection | None = None

    def run(self, steps: Steps[T]) -> T:
        """Carry out the steps, and give what they return; the connection is kept for the next."""
        try:
            action = next(steps)
            while True:
                try:
                    answer = self._do(action)
                except redis.RedisError as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(answer)
        except StopIteration as end:
            return cast("T", end.value)
        except BaseException:
            self.drop()  # a reply may be on its way that nobody waits for any more
            raise
        finally:
            steps.close()

    def drop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.disconnect()

    def _do(self, action: Action) -> Any:
        match action:
            case Ask(commands):
                self._opened.send_packed_command([packed(commands)], check_health=False)
                return [self._reply() for _ in commands]
            case Listen(seconds):
                return self._reply() if self._opened.can_read(seconds) else None
            case Pause(seconds):
                self._closed.wait(seconds)
            case Drop():
                self.drop()
        return None

    def _reply(self) -> Any:
        try:
            return self._opened.read_response(push_request=True)
        except redis.ResponseError as error:
            return error

    @property
    def _opened(self) -> _Connection:
        if self._connection is None:
            self._connection = cast("_Connection", self._connect())
        return self._connection


def packed(commands: tuple[Command, ...]) -> bytes:
    """The commands as bytes for the server."""
    return b"".join(map(command, commands))


def checked(reply: Any) -> Any:
    """The reply itself; raises it when it is an error."""
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


class _Connection(Protocol):
    def send_packed_command(self, command: list[bytes], *, check_health: bool) -> None: ...

    def read_response(self, *, push_request: bool) -> Any: ...

    def can_read(self, timeout: float) -> bool: ...

    def disconnect(self) -> None: ...
