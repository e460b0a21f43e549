"""The one place where connections to Redis are made: protocol pinned, every wait bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, cast

import redis
from redis.connection import ConnectionPool

from ..errors import Unavailable
from .access import Access
from .address import redacted
from .pools import make_pool
from .scripts import FENCED
from .shapes import streams

__all__ = [
    "COMMAND_TIMEOUT",
    "RawConnection",
    "command_client",
    "connection",
    "mended_by_reconnecting",
    "naming",
    "reading_client",
    "redacted",
]

COMMAND_TIMEOUT = 1.0
"""Seconds after which a server that does not answer counts as away."""

_MENDED = (redis.ConnectionError, redis.exceptions.NoScriptError, redis.ReadOnlyError)
_MENDED_CLUSTER = (
    redis.exceptions.AskError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
)
_MENDED_TEXT = re.compile(rf"(?:^|-)(?:{FENCED}|LOADING|MASTERDOWN|NOSCRIPT|READONLY|UNBLOCKED)\b")
"""Redis 6.2 wraps what a command inside a script answers: ``ERR Error running script …: -READONLY …``."""


class RawConnection(Protocol):
    """What is used of redis-py's connection, which has no types. Opens at the first command."""

    def send_packed_command(self, command: Sequence[bytes], *, check_health: bool) -> None:
        """Write bytes to the server."""

    def read_response(self) -> Any:
        """The next reply; errors are raised."""

    def disconnect(self) -> None:
        """Close; the next command opens again."""


def connection(
    url: str,
    timeout: float = COMMAND_TIMEOUT,
    *,
    slot: str = "",
    access: Access | None = None,
    protocol: Literal[2, 3] | None = None,
) -> RawConnection:
    """A connection of its own, not yet opened, for somebody who packs commands himself.

    ``slot`` is a key: on a cluster the connection is to the node that has it. Where Sentinels or
    a cluster say which server it is, they are asked at each connect. What ``access`` says goes
    before what the URL says, and so does ``protocol``, for who reads the server's bytes himself.
    Raises ``ConfigError`` for a malformed URL and for a secret that cannot be read or is not kept
    well.
    """
    made: Any = make_pool(url, timeout, timeout, slot, access, protocol).make_connection()
    return cast("RawConnection", made)


def command_client(
    url: str, timeout: float = COMMAND_TIMEOUT, *, slot: str = "", access: Access | None = None
) -> redis.Redis:
    """A client for commands that are answered at once; see ``connection``."""
    return _client(make_pool(url, timeout, timeout, slot, access))


def reading_client(
    url: str,
    block: float,
    timeout: float = COMMAND_TIMEOUT,
    *,
    slot: str = "",
    access: Access | None = None,
) -> redis.Redis:
    """A client for reads that block up to ``block`` seconds: redis-py's own 5 s break those."""
    return _client(make_pool(url, timeout, block + timeout, slot, access))


def mended_by_reconnecting(error: redis.RedisError) -> bool:
    """Tell whether the same command may well succeed on a new connection, made at once.

    An idle connection was closed, the scripts were flushed, the name was lost with all keys, the
    server became a replica, or the slot moved to another one.
    """
    if isinstance(error, (*_MENDED, *_MENDED_CLUSTER)):
        return True
    return isinstance(error, redis.ResponseError) and bool(_MENDED_TEXT.search(str(error)))


def naming(url: str) -> AbstractContextManager[None]:
    """Turn redis-py's errors into ``Unavailable`` that names the server, never its password."""
    return _Naming(url)


def _client(pool: ConnectionPool) -> redis.Redis:
    client = redis.Redis(connection_pool=pool)
    for command in ("XREAD", "XREADGROUP"):
        client.set_response_callback(command, streams)
    return client


class _Naming:
    """A class, as it is entered for each group of events, and a generator takes 3 µs more."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, redis.RedisError):
            said = str(error) or type(error).__name__
            raise Unavailable(f"Redis at {redacted(self._url)}: {said}") from error
