"""Requests and answers: the standard library's HTTP, a connection each."""

from __future__ import annotations

import http.client
import socket
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol, Self, TypeVar
from urllib.parse import urlencode

import msgspec

from retinue.bus import errors
from retinue.bus.errors import RetinueError

__all__ = ["Lines", "Query", "Transport", "decoded", "problem"]

T = TypeVar("T")
Query = Mapping[str, str | int | float | bool | Sequence[str] | None]
_PIECE = 64 * 1024


class Place(Protocol):
    """Where the API is."""

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A new connection, which is not open yet."""

    def headers(self) -> dict[str, str]:
        """What every request carries."""

    def explained(self, error: Exception) -> Exception:
        """What to tell of what went wrong on the way."""


class Transport:
    """One connection a request. May be shared between threads."""

    def __init__(self, place: Place, timeout: float) -> None:
        """Nothing is opened before the first request; ``timeout`` is in seconds."""
        self._place = place
        self._timeout = timeout

    def asked(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        query: Query | None = None,
        wait: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer's body; ``wait`` seconds are granted on top of the timeout."""
        connection, response = self._open(method, path, body, query, self._timeout + wait, headers)
        try:
            with self._explained():
                return response.read()
        finally:
            connection.close()

    def lines(
        self,
        path: str,
        query: Query | None = None,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Lines:
        """The lines of a stream as they come."""
        opened = self._open(method, path, body, query, self._timeout, headers)
        return Lines(*opened, self._place)

    def _open(
        self,
        method: str,
        path: str,
        body: bytes | None,
        query: Query | None,
        timeout: float,
        more: Mapping[str, str] | None = None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = self._place.connection(timeout)
        headers = {**self._place.headers(), **(more or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._explained():
                connection.request(method, _target(path, query), body=body, headers=headers)
                response = connection.getresponse()
                refusal = response.read() if response.status >= 400 else b""
        except BaseException:
            connection.close()
            raise
        if response.status >= 400:
            connection.close()
            raise problem(response.status, refusal)
        return connection, response

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise self._place.explained(error) from error


class Lines:
    """Lines until the daemon ends them; empty ones are left out. ``close`` it, from any thread.

    The daemon sends an empty line when it has had nothing to say for a while, so silence beyond the
    timeout means that it hangs.
    """

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        place: Place,
    ) -> None:
        """Made by ``Transport``."""
        self._connection = connection
        self._response = response
        self._place = place
        # http.client lets go of its socket once an answer says that it ends with the connection.
        self._raw = getattr(getattr(response.fp, "raw", None), "_sock", None)
        self._closed = False
        self._lines: deque[bytes] = deque()
        self._rest = b""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        while line := self._read():
            if line.strip():
                return line.rstrip(b"\n")
        self.close()
        raise StopIteration

    def close(self) -> None:
        """End it, also while another thread waits for a line."""
        self._closed = True
        if self._raw is not None:
            with suppress(OSError):
                self._raw.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self) -> bytes:
        try:
            while not self._lines and not self._closed:
                if not self._fetch():
                    return b""
        except (OSError, ValueError, http.client.HTTPException) as error:
            return self._broken(error)
        return self._lines.popleft() if self._lines else b""

    def _fetch(self) -> bool:
        """More lines, or ``False`` at the end. ``readline`` would take a cut connection for one."""
        piece = self._response.read1(_PIECE)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._lines.extend([line + b"\n" for line in lines])
        return bool(piece)

    def _broken(self, error: Exception) -> bytes:
        """The end, if that is what was asked for meanwhile."""
        if self._closed:
            return b""
        self.close()
        raise self._place.explained(error) from error


def _target(path: str, query: Query | None) -> str:
    given = {key: _text(value) for key, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def decoded(body: bytes, kind: type[T]) -> T:
    """An answer as its type; raises ``CodecError``."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise errors.CodecError(
            f"the daemon's answer is of another version: {error}", body
        ) from error


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


_OTHERWISE = (
    errors.TaskFailed,
    errors.TaskCancelled,
    errors.CodecError,
    errors.JournalError,
    errors.DeadlockDetected,
)  # they are made of more than a message


def problem(status: int, body: bytes) -> RetinueError:
    """The error that a problem is about."""
    try:
        said = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return RetinueError(f"the daemon answered {status}, and not in a form known here")
    kind = getattr(errors, said.title, None) if said.title in errors.__all__ else None
    if kind is None or kind in _OTHERWISE:
        kind = RetinueError
    if kind is errors.Denied:
        return errors.Denied("", "", said.detail)
    raised: RetinueError = kind(said.detail or f"the daemon answered {status}")
    return raised
