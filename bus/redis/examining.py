"""Looking at a server: what it is, how it is set, and what its user may do there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis

from ..topics import stream
from .access import Access
from .acl import Dialects
from .address import parse
from .client import COMMAND_TIMEOUT, command_client, naming
from .facts import Facts
from .needs import Call, calls
from .shapes import mapping

__all__ = ["examine"]

_SETTINGS = (
    "maxmemory",
    "maxmemory-policy",
    "client-output-buffer-limit",
    "save",
    "appendonly",
    "appendfsync",
    "stop-writes-on-bgsave-error",
)
_ASK = """
local denied = {}
for i = 1, #ARGV do
  if not redis.acl_check_cmd(unpack(cjson.decode(ARGV[i]))) then denied[#denied + 1] = i - 1 end
end
return denied
"""
"""Which of these calls the user may not make; each is a JSON array. Redis 7 and later."""


def examine(
    url: str,
    kernel: str,
    dialects: Dialects,
    access: Access | None = None,
    timeout: float = COMMAND_TIMEOUT,
) -> Facts:
    """Ask the server; changes nothing there. Raises ``Unavailable`` when it cannot be reached."""
    with command_client(url, timeout, slot=stream(kernel), access=access) as client:
        with naming(url):
            hello = mapping(_raw(client, "HELLO"))
        settings = dict(_settings(client))
        named = (access.username if access else "") or parse(url).username
        user = _text(_or(client, named, "ACL", "WHOAMI"))
        denied, how = _denied(client, user, kernel, dialects)
    return Facts(
        flavour=_text(hello.get(b"server")),
        version=_text(hello.get(b"version")),
        mode=_text(hello.get(b"mode")),
        role=_text(hello.get(b"role")),
        user=user,
        settings=settings,
        denied=denied,
        asked_by=how,
    )


def _settings(client: redis.Redis) -> Iterator[tuple[str, str]]:
    for name in _SETTINGS:
        for key, found in mapping(_or(client, None, "CONFIG", "GET", name)).items():
            yield _text(key), _text(found)


def _denied(
    client: redis.Redis, user: str, kernel: str, dialects: Dialects
) -> tuple[tuple[str, ...], str]:
    """What the user may not do, and how that was found out."""
    ways: tuple[tuple[str, Callable[[list[Call]], list[Call]]], ...] = (
        ("ACL DRYRUN", lambda wanted: _dry_run(client, user, wanted)),
        ("a script", lambda wanted: _by_script(client, stream(kernel), wanted)),
    )
    wanted = list(calls(kernel, dialects))
    for how, way in ways:
        try:
            return _shown(way(wanted)), how
        except redis.ResponseError:
            continue  # not allowed, or not known before Redis 7
    return _shown(_tried(client, list(calls(kernel, dialects, harmless=True)))), "trying"


def _dry_run(client: redis.Redis, user: str, wanted: list[Call]) -> list[Call]:
    answers = [_raw(client, "ACL", "DRYRUN", user, *call) for call in wanted]
    return [call for call, said in zip(wanted, answers, strict=True) if said != b"OK"]


def _by_script(client: redis.Redis, key: str, wanted: list[Call]) -> list[Call]:
    import msgspec

    packed = [msgspec.json.encode(call) for call in wanted]
    return [wanted[int(i)] for i in _raw(client, "EVAL", _ASK, "1", key, *packed)]


def _tried(client: redis.Redis, wanted: list[Call]) -> list[Call]:
    return [call for call in wanted if _is_denied(client, call)]


def _is_denied(client: redis.Redis, call: Call) -> bool:
    try:
        _raw(client, *call)
    except redis.exceptions.NoPermissionError:
        return True
    except redis.ResponseError:
        return False  # it was let in, and had nothing to do
    return False


def _shown(denied: Sequence[Call]) -> tuple[str, ...]:
    """``XADD retinue:{main}:log``: the command, and what it would touch."""
    return tuple(dict.fromkeys(_brief(call) for call in denied))


def _brief(call: Call) -> str:
    if call[0] in ("EVAL", "EVALSHA"):
        return call[0]
    return " ".join(call[:2])


def _raw(client: redis.Redis, *call: str | bytes) -> Any:
    """A reply as the server gave it: redis-py's own shapes differ by command."""
    connection: Any = client.connection_pool.get_connection()
    try:
        connection.send_command(*call)
        return connection.read_response()
    finally:
        if call[0] == "SUBSCRIBE":
            connection.disconnect()
        client.connection_pool.release(connection)


def _or(client: redis.Redis, default: Any, *call: str) -> Any:
    try:
        return _raw(client, *call)
    except redis.ResponseError:
        return default


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
