"""A connection that is subscribed to one channel, made again by itself."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import redis

from .client import RawConnection
from .frames import Frames, ProtocolError, TooLarge
from .resp import command

__all__ = ["Link"]

_CHUNK = 32 * 1024
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 2.0
_SILENCE = 5.0
"""Seconds after which the server is asked whether it is there, and after as many again it is not."""

_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_PING = command((b"PING",))


class Link:
    """Used by one thread; ``attend`` may block for the connection's time-out, nothing else does."""

    def __init__(
        self,
        connection: RawConnection,
        channel: str,
        limit: int,
        on_subscribed: Callable[[], None] = lambda: None,
    ) -> None:
        """Messages over ``limit`` bytes are passed over. Nothing happens until ``attend``."""
        self._connection = connection
        self._channel = channel.encode()
        self._limit = limit
        self._on_subscribed = on_subscribed
        self._socket: Any = None
        self._frames = Frames(self._channel, limit)
        self._due = 0.0
        self._delay = _FIRST_DELAY
        self._asked = False
        self.subscribed = False
        """Whether the server has confirmed the subscription."""
        self.losses = 0
        """How often a subscription was lost."""
        self.trouble = ""
        """Why there is none; empty while there is, or before the first attempt."""

    def __repr__(self) -> str:
        state = "subscribed" if self.subscribed else self.trouble or "new"
        return f"<Link {self._channel.decode()} {state}>"

    @property
    def socket(self) -> Any:
        """What to wait on; ``None`` while there is no connection."""
        return self._socket

    @property
    def has_more(self) -> bool:
        """Whether there is more to receive that waiting on the socket would not show."""
        pending = getattr(self._socket, "pending", None)
        return pending is not None and pending() > 0

    def attend(self, now: float) -> float:
        """Connect when it is time, and see that the server is there; seconds until the next time.

        ``now`` is monotonic.
        """
        if now >= self._due:
            if self._socket is None:
                self._connect(now)
            elif self._asked:
                self._lost(now, "it does not answer")
            else:
                self._ask(now)
        return max(0.0, self._due - now)

    def receive(self, now: float) -> Iterator[bytes | TooLarge]:
        """Yield what has come, a piece of it at most; exhaust it before the next call."""
        try:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionError("the server closed it")
            self._asked, self._due = False, now + _SILENCE
            for item in self._frames.feed(data):
                if isinstance(item, list):
                    self._answered(item)
                else:
                    yield item
        except _NOTHING_YET:
            return
        except (OSError, ProtocolError, redis.RedisError) as error:
            self._lost(now, str(error) or type(error).__name__)

    def drop(self, now: float, why: str) -> None:
        """Give the subscription up for a new one."""
        self._lost(now, why)

    def close(self) -> None:
        """Disconnect for good."""
        self._socket = None
        self.subscribed = False
        self._connection.disconnect()

    def _connect(self, now: float) -> None:
        raw: Any = self._connection
        try:
            packed = command((b"SUBSCRIBE", self._channel))
            self._connection.send_packed_command([packed], check_health=False)
            found: socket.socket = raw._get_socket()  # noqa: SLF001 - there is no public way
            found.setblocking(False)
        except (redis.RedisError, OSError) as error:
            self._lost(now, str(error) or type(error).__name__)
            return
        self._socket = found
        self._frames = Frames(self._channel, self._limit)
        self._asked, self._due = False, now + _SILENCE

    def _ask(self, now: float) -> None:
        self._asked, self._due = True, now + _SILENCE
        try:
            self._connection.send_packed_command([_PING], check_health=False)
        except (redis.RedisError, OSError) as error:
            self._lost(now, str(error) or type(error).__name__)

    def _answered(self, parts: list[bytes]) -> None:
        if parts[0][:1] == b"-":
            raise redis.ResponseError(parts[0][1:].decode(errors="replace"))
        if parts[0] == b"subscribe":
            self.subscribed, self.trouble, self._delay = True, "", _FIRST_DELAY
            self._on_subscribed()

    def _lost(self, now: float, why: str) -> None:
        self.losses += self.subscribed
        self.trouble = why
        self.close()
        self._due = now + self._delay
        self._delay = min(2 * self._delay, _LONGEST_DELAY)
