"""Tokens for the API over TCP: who may come, as what, and until when. Kept as digests alone."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import ConfigError, InvalidInput, NotFound

__all__ = ["ROLES", "Role", "Token", "TokenFile", "TokenView", "rank"]

Role = Literal["public", "observer", "viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"""What a token can be made for: each may do what those before it may."""
_RANKS: tuple[Role, ...] = ("public", "observer", *ROLES)
_PREFIX = "rtn_"
_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_MOST = 1000


def rank(role: Role) -> int:
    """A number that is higher for who may do more."""
    return _RANKS.index(role)


class Token(msgspec.Struct, frozen=True):
    """A token as it is kept: ``digest`` is the SHA-256 of the secret, times are since the epoch."""

    name: str
    role: Role
    digest: str
    created: float
    expires: float | None = None

    def valid(self, now: float) -> bool:
        """Whether its time is not over."""
        return self.expires is None or now < self.expires


class TokenView(msgspec.Struct, frozen=True):
    """A token as it is shown. ``state`` is valid or expired; times are seconds since the epoch."""

    name: str
    role: Role
    state: str
    created: float
    expires: float | None


class TokenFile:
    """``tokens.json`` in a state folder, mode 0600. Any thread and any process may use it.

    Each change replaces the whole file under a lock, so that a reader finds one whole version.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        """Nothing is read or made before it is asked for."""
        self.path = folder / "tokens.json"
        self._lock = folder / "tokens.lock"
        self._clock = clock or SystemClock()
        self._read: tuple[tuple[int, int, int], tuple[Token, ...]] = ((0, 0, 0), ())

    def create(self, name: str, role: Role, lasting: float | None = None) -> str:
        """A new token, which is told this once; it expires ``lasting`` seconds from now.

        Raises ``InvalidInput`` for a name that is taken or not lower-case letters, digits, _ . or -.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"a token cannot be called {name!r}: give 1 to 63 lower-case letters, digits, '_', "
                "'.' or '-', a letter or digit first"
            )
        secret = _PREFIX + secrets.token_urlsafe(_BYTES)
        now = self._clock.time()
        made = Token(name, role, _digest(secret), now, None if lasting is None else now + lasting)
        self._change(lambda tokens: (*_without_expired(tokens, name, now), made))
        return secret

    def keep(self, name: str, role: Role, secret: str) -> None:
        """Have a token of somebody's own making under this name, or none where ``secret`` is empty."""
        digest = _digest(secret) if secret else ""
        known = {token.name: (token.role, token.digest) for token in self.tokens()}
        if known.get(name, ("", "")) == ((role, digest) if secret else ("", "")):
            return
        made = (Token(name, role, digest, self._clock.time()),) if secret else ()
        self._change(lambda tokens: (*(t for t in tokens if t.name != name), *made))

    def revoke(self, name: str) -> None:
        """Take a token back; who uses it is cut off within a second. Raises ``NotFound``."""

        def without(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            left = tuple(token for token in tokens if token.name != name)
            if len(left) == len(tokens):
                raise NotFound(f"there is no token {name!r}: see `retinue tokens list`")
            return left

        self._change(without)

    def views(self) -> list[TokenView]:
        """All tokens, in the order in which they were made, expired ones too."""
        now = self._clock.time()
        return [
            TokenView(t.name, t.role, "valid" if t.valid(now) else "expired", t.created, t.expires)
            for t in self.tokens()
        ]

    def tokens(self) -> tuple[Token, ...]:
        """What is kept, read anew when the file has changed. Raises ``ConfigError``."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return ()
        version = (found.st_mtime_ns, found.st_ino, found.st_size)
        if version != self._read[0]:
            self._read = (version, self._parsed())
        return self._read[1]

    def find(self, secret: str) -> Token | None:
        """The token with this secret, unless it was revoked or its time is over.

        Every token is compared, each in constant time, so that nothing is learnt from how long it takes.
        """
        digest, found = _digest(secret), None
        for token in self.tokens():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found if found is not None and found.valid(self._clock.time()) else None

    def holds(self, token: Token) -> bool:
        """Whether a token that was found still counts."""
        return token.valid(self._clock.time()) and token in self.tokens()

    def _parsed(self) -> tuple[Token, ...]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=tuple[Token, ...])
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{self.path} cannot be read ({error}): nobody comes in over TCP; remove it, and make "
                "new tokens with `retinue tokens create`"
            ) from error

    def _change(self, change: Callable[[tuple[Token, ...]], tuple[Token, ...]]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            tokens = change(self.tokens())
            if len(tokens) > _MOST:
                raise InvalidInput(f"there are {_MOST} tokens: revoke some that are no longer used")
            _replace(self.path, msgspec.json.format(msgspec.json.encode(tokens), indent=1))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self._lock, flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _without_expired(tokens: tuple[Token, ...], name: str, now: float) -> tuple[Token, ...]:
    """A name may be used again once its token's time is over; sessions of the console go then."""
    if any(token.name == name and token.valid(now) for token in tokens):
        raise InvalidInput(f"there is a token {name!r} already: revoke it, or choose another name")
    return tuple(t for t in tokens if t.name != name and (t.valid(now) or not _is_session(t)))


def _is_session(token: Token) -> bool:
    return token.name.startswith("console-")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".tokens-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
