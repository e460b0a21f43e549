"""The API's client: the standard library's HTTP over the daemon's Unix socket."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from retinue.bus import errors
from retinue.bus.errors import DeadlineExceeded, RetinueError, Unavailable
from retinue.bus.wire import ObservedEvent, parse

from .unix_socket import connect

__all__ = ["Client", "Query", "under"]

T = TypeVar("T")
Query = Mapping[str, str | int | float | bool | Sequence[str] | None]
_PROBLEM = b'{"problem":'


class Client:
    """Talks to the daemon whose socket is at ``path``; one connection a request.

    Every method raises the error that the daemon's problem names (``UnknownAgent``,
    ``InvalidInput``, …), ``Unavailable`` when no daemon answers, and ``DeadlineExceeded`` when
    the answer takes longer than ``timeout`` seconds. May be shared between threads.
    """

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        """Nothing is opened before the first request."""
        self._path = path
        self._timeout = timeout

    def get(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """Read ``path`` as ``kind``."""
        return _decoded(self._asked("GET", path, None, query, self._timeout), kind)

    def post(
        self,
        path: str,
        kind: type[T],
        body: object = None,
        query: Query | None = None,
        wait: float = 0.0,
    ) -> T:
        """Send ``body`` as JSON; ``wait`` seconds are granted on top of the timeout."""
        data = msgspec.json.encode({} if body is None else body)
        return _decoded(self._asked("POST", path, data, query, self._timeout + wait), kind)

    def delete(self, path: str, kind: type[T], query: Query | None = None, wait: float = 0.0) -> T:
        """Ask for the end of what is at ``path``; ``wait`` seconds are granted on top."""
        return _decoded(self._asked("DELETE", path, None, query, self._timeout + wait), kind)

    def lines(self, path: str, query: Query | None = None) -> Iterator[bytes]:
        """The lines of a stream as they come, until the daemon ends it. Empty lines are left out.

        The daemon sends an empty line when it has had nothing to say for a while, so silence
        beyond the timeout means that it hangs.
        """
        connection, response = self._open("GET", path, None, query, self._timeout)
        try:
            while line := self._read_line(response):
                if line.strip():
                    yield line.rstrip(b"\n")
        finally:
            connection.close()

    def events(self, query: Query | None = None) -> Iterator[ObservedEvent]:
        """The events of ``GET /v1/events``; raises what breaks the stream off."""
        for line in self.lines("/v1/events", query):
            if line.startswith(_PROBLEM):
                raise _problem(500, line[len(_PROBLEM) : -1])
            yield parse(line)

    def _asked(
        self, method: str, path: str, body: bytes | None, query: Query | None, timeout: float
    ) -> bytes:
        connection, response = self._open(method, path, body, query, timeout)
        try:
            with self._explained():
                return response.read()
        finally:
            connection.close()

    def _open(
        self, method: str, path: str, body: bytes | None, query: Query | None, timeout: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(self._path, timeout)
        try:
            with self._explained():
                response = _sent(connection, method, path, body, query)
                refusal = response.read() if response.status >= 400 else b""
        except BaseException:
            connection.close()
            raise
        if response.status >= 400:
            connection.close()
            raise _problem(response.status, refusal)
        return connection, response

    def _read_line(self, response: http.client.HTTPResponse) -> bytes:
        with self._explained():
            return response.readline()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        folder = self._path.parent
        try:
            yield
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise Unavailable(
                f"no daemon runs in {folder}: start one with `retinue run`, or name its --state-dir"
            ) from error
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"the daemon in {folder} did not answer in time: `retinue doctor` looks at it"
            ) from error
        except PermissionError as error:
            raise PermissionError(
                f"{folder} is another user's: name your own --state-dir"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the daemon in {folder} went away before it had answered ({type(error).__name__}): "
                "see its log, and `retinue run`"
            ) from error


def under(*parts: str) -> str:
    """A path of ids as users typed them: ``under("tasks", task, "cancel")``."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("retinue", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock: socket.socket = connect(self._path, self.timeout)


def _sent(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    query: Query | None,
) -> http.client.HTTPResponse:
    given = {key: _text(value) for key, value in (query or {}).items() if value is not None}
    target = f"{path}?{urlencode(given, doseq=True)}" if given else path
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, target, body=body, headers=headers)
    return connection.getresponse()


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise errors.CodecError(
            f"the daemon's answer is of another version: {error}", body
        ) from error


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


def _problem(status: int, body: bytes) -> RetinueError:
    try:
        said = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return RetinueError(f"the daemon answered {status}, and not in a form known here")
    kind = getattr(errors, said.title, None) if said.title in errors.__all__ else None
    if kind in (
        None,
        errors.TaskFailed,
        errors.TaskCancelled,
        errors.CodecError,
        errors.JournalError,
        errors.DeadlockDetected,
    ):
        kind = RetinueError
    if kind is errors.Denied:
        return errors.Denied("", "", said.detail)
    raised: RetinueError = (kind or RetinueError)(said.detail or f"the daemon answered {status}")
    return raised
