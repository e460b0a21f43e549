"""What each user of Redis has to be allowed, and no more, as lines for the server. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..errors import InvalidInput
from ..topics import (
    channel,
    check_kernel_name,
    fill_channel,
    heartbeat_key,
    journal_key,
    readers_key,
    stream,
)

__all__ = [
    "Dialects",
    "Grant",
    "User",
    "observer_all",
    "observer_run",
    "publisher",
]

_PATTERN = re.compile(r"[*?\[\]\\\s()]")
_NAME = re.compile(r"[A-Za-z0-9_.@-]+")
_TYPES = re.compile(r"[a-z0-9_.*?\[\]-]+")
_TALK = ("ping",)
_LISTEN = ("psubscribe", "punsubscribe", "subscribe", "unsubscribe")
_READ = ("get", "mget", "xlen", "xrange", "xread", "xrevrange")
_PUBLISHER = (
    "del",
    "eval",
    "evalsha",
    "expire",
    "get",
    "hgetall",
    "hlen",
    "publish",
    "rpush",
    "script|load",
    "set",
    "xadd",
    "xlen",
    "xrange",
    "xrevrange",
    "xtrim",
)


class Dialects(NamedTuple):
    """Channels and stream keys of the dialects that a kernel speaks."""

    channels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


NO_DIALECTS = Dialects()


class Grant(NamedTuple):
    """Commands, on these keys and channels alone; both are Redis' patterns."""

    commands: tuple[str, ...]
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def rules(self, *, modern: bool) -> Iterator[str]:
        """The rules as Redis reads them. Before version 7 a key is not told from reading it."""
        yield from (f"{'%R' if modern else ''}~{key}" for key in self.read)
        yield from (f"~{key}" for key in self.write)
        yield from (f"&{name}" for name in self.channels)
        yield from (f"+{command}" for command in self.commands)


class User(NamedTuple):
    """A user and its grants: each further one holds by itself, which needs Redis 7."""

    name: str
    grants: tuple[Grant, ...]

    def rules(self, password: str, *, modern: bool = True) -> tuple[str, ...]:
        """All rules in order; ``password`` is one itself, such as ``#SHA256``.

        Raises ``InvalidInput`` for a name that cannot stand in a line.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidInput(f"user {self.name!r}: use letters, digits, '_', '.', '@' and '-'")
        first, *others = self.grants
        said = ["reset", "on", password, "resetkeys", "resetchannels", "-@all"]
        said += first.rules(modern=modern)
        if modern:
            said += (f"({' '.join(grant.rules(modern=True))})" for grant in others)
        return tuple(said)

    def line(self, password: str, *, modern: bool = True) -> str:
        """For the server's ``aclfile``, or its configuration."""
        rules = self.rules(password, modern=modern)[1:]  # a file begins with nothing anyway
        return " ".join(("user", self.name, *rules))

    def command(self, password: str, *, modern: bool = True) -> str:
        """For ``redis-cli``."""
        return " ".join(("ACL", "SETUSER", self.name, *self.rules(password, modern=modern)))

    def commands(self, *, modern: bool = True) -> frozenset[str]:
        """Every command that is allowed somewhere."""
        grants = self.grants if modern else self.grants[:1]
        return frozenset(command for grant in grants for command in grant.commands)


def observer_all(
    kernel: str,
    *,
    name: str = "observer-all",
    types: Iterable[str] = ("*",),
    may: Iterable[str] = ("fill",),
    dialects: Dialects = NO_DIALECTS,
    cluster: bool = False,
) -> User:
    """Reads all that a kernel tells.

    ``types`` are globs that it may subscribe to: Redis takes a pattern only if the very same one
    is granted. ``may`` adds to ask for a ``fill``, to give itself a ``name``, and to read in a
    ``group``. To ask for a fill means to publish. On a server before version 7 whoever may publish
    and may listen to events may forge them, so the user cannot ask there.
    """
    check_kernel_name(kernel)
    read = (stream(kernel), journal_key(kernel), heartbeat_key(kernel), *dialects.keys)
    channels = (*_channels(kernel, "*", types), heartbeat_key(kernel), *dialects.channels)
    commands = _sorted(*_TALK, *_LISTEN, *_READ, *_nodes(cluster))
    return User(name, (Grant(commands, read, (), channels), *_more(kernel, frozenset(may))))


def observer_run(
    kernel: str,
    run: str,
    *,
    name: str = "observer-run",
    types: Iterable[str] = ("*",),
) -> User:
    """Hears one run's channels, of these types, and nothing else: no key, and no other run.

    On a cluster it need not ask for slots: channels are the same on every node.

    Raises ``InvalidInput`` for a run that would be a pattern.
    """
    check_kernel_name(kernel)
    if not run or _PATTERN.search(run):
        raise InvalidInput(f"run {run!r}: give one run's id, without spaces and patterns")
    channels = _channels(kernel, run, types)
    return User(name, (Grant(_sorted(*_TALK, *_LISTEN), (), (), channels),))


def publisher(
    kernel: str,
    *,
    name: str = "publisher",
    dialects: Dialects = NO_DIALECTS,
    cluster: bool = False,
) -> User:
    """What the kernel itself needs: it publishes, answers fills, and hears live-logs."""
    check_kernel_name(kernel)
    own = f"retinue:{{{kernel}}}:*"
    commands = _sorted(*_TALK, *_LISTEN, *_PUBLISHER, *_nodes(cluster))
    return User(name, (Grant(commands, (), (own, *dialects.keys), (own, *dialects.channels)),))


def _channels(kernel: str, run: str, types: Iterable[str]) -> tuple[str, ...]:
    globs = tuple(types)
    for glob in globs:
        if not _TYPES.fullmatch(glob):
            raise InvalidInput(f"type {glob!r}: give a glob such as tool.*")
    return tuple(channel(kernel, run, glob) for glob in globs)


def _more(kernel: str, may: frozenset[str]) -> Iterator[Grant]:
    fill = fill_channel(kernel)
    if "fill" in may:
        yield Grant(("publish",), (), (), (fill,))
        yield Grant(("blpop", "lpop"), (), (f"{fill}:*",))
    if "name" in may:
        yield Grant(("hdel", "hset"), (), (readers_key(kernel),))
    if "group" in may:
        commands = ("xack", "xautoclaim", "xgroup|create", "xinfo|groups", "xpending", "xreadgroup")
        yield Grant(commands, (), (stream(kernel),))


def _nodes(cluster: bool) -> tuple[str, ...]:  # noqa: FBT001  one word at each call
    return ("cluster|slots",) if cluster else ()


def _sorted(*commands: str) -> tuple[str, ...]:
    return tuple(sorted(commands))
