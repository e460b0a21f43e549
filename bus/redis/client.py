"""The one place where connections to Redis are made: protocol pinned, every wait bounded."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, parse_url
from redis.retry import Retry

from ..errors import ConfigError, Unavailable
from .access import Access
from .scripts import FENCED

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

_SECRETS = ("password", "username")


class RawConnection(Protocol):
    """What is used of redis-py's connection, which has no types. Opens at the first command."""

    def send_packed_command(self, command: Sequence[bytes], *, check_health: bool) -> None:
        """Write bytes to the server."""

    def read_response(self) -> Any:
        """The next reply; errors are raised."""

    def disconnect(self) -> None:
        """Close; the next command opens again."""


def connection(
    url: str, timeout: float = COMMAND_TIMEOUT, *, slot: str = "", access: Access | None = None
) -> RawConnection:
    """A connection of its own, not yet opened, for somebody who packs commands himself.

    ``slot`` is a key; on a cluster the connection is to the node that has its slot.
    """
    made: Any = _pool(url, timeout).make_connection()
    return cast("RawConnection", made)


def command_client(
    url: str, timeout: float = COMMAND_TIMEOUT, *, slot: str = "", access: Access | None = None
) -> redis.Redis:
    """A client for commands that are answered at once."""
    return redis.Redis(connection_pool=_pool(url, timeout))


def reading_client(
    url: str,
    block: float,
    timeout: float = COMMAND_TIMEOUT,
    *,
    slot: str = "",
    access: Access | None = None,
) -> redis.Redis:
    """A client for reads that block up to ``block`` seconds: redis-py's own 5 s break those."""
    return redis.Redis(connection_pool=_pool(url, timeout, block + timeout))


def redacted(url: str) -> str:
    """The URL without its user and password, fit for logs, events and ``repr``."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = [
        (key, "***" if key in _SECRETS else value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    netloc = f"***@{host}" if "@" in parts.netloc else host
    tail = f"?{urlencode(query, safe='*/')}" if query else ""
    return f"{parts.scheme}://{netloc}{parts.path}{tail}"


def mended_by_reconnecting(error: redis.RedisError) -> bool:
    """Tell whether the same command may well succeed on a new connection, made at once.

    An idle connection was closed, the scripts were flushed, the name was lost with all keys, the
    server became a replica, or the slot moved to another one.
    """
    if isinstance(error, (*_MENDED, *_MENDED_CLUSTER)):
        return True
    return isinstance(error, redis.ResponseError) and bool(_MENDED_TEXT.search(str(error)))


@contextlib.contextmanager
def naming(url: str) -> Iterator[None]:
    """Turn redis-py's errors into ``Unavailable`` that names the server, never its password."""
    try:
        yield
    except redis.RedisError as error:
        raise Unavailable(
            f"Redis at {redacted(url)}: {str(error) or type(error).__name__}"
        ) from error


def _pool(url: str, timeout: float, read_timeout: float | None = None) -> ConnectionPool:
    # redis-py lets a URL's query override arguments, timeouts included; here it does not.
    options: dict[str, Any] = dict(_parsed(url))
    options |= {
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": read_timeout or timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
    }
    return ConnectionPool(**options)


def _parsed(url: str) -> Any:
    try:
        return parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ConfigError(
            f"Redis URL {redacted(url)!r}: {error}; "
            "write redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"
        ) from None
