"""Where a daemon is: at its Unix socket, or at an address with a token."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from retinue.bus.errors import DeadlineExceeded, InvalidInput, Unavailable

from ..unix_socket import connect

__all__ = ["OverSocket", "OverTcp"]


class OverSocket:
    """The daemon's Unix socket: of its own user, who needs no token."""

    def __init__(self, path: Path) -> None:
        """``path`` is the socket's."""
        self.path = path

    def __repr__(self) -> str:
        return str(self.path)

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A new connection, which is not open yet."""
        return _UnixConnection(self.path, timeout)

    def headers(self) -> dict[str, str]:
        """None: the socket tells who it is."""
        return {}

    def explained(self, error: Exception) -> Exception:
        """In terms of the daemon's folder."""
        folder = self.path.parent
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            return Unavailable(
                f"no daemon runs in {folder}: start one with `retinue run`, or name its --state-dir"
            )
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(
                f"the daemon in {folder} did not answer in time: `retinue doctor` looks at it"
            )
        if isinstance(error, PermissionError):
            return PermissionError(f"{folder} is another user's: name your own --state-dir")
        return Unavailable(
            f"the daemon in {folder} went away before it had answered ({type(error).__name__}): "
            "see its log, and `retinue run`"
        )


class OverTcp:
    """An address with a token. A token does not leave this machine but over TLS."""

    def __init__(self, url: str, token: str | None, ca_file: str | None = None) -> None:
        """``url`` is ``http://HOST:PORT`` or ``https://HOST:PORT``; raises ``InvalidInput``."""
        parts = _checked(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        if token and not self._secure and not _is_here(self._host):
            raise InvalidInput(f"{url!r}: a token would travel in clear: use https")
        self._token = token
        self._context = _trusting(ca_file) if self._secure else None

    def __repr__(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = f":{self._port}" if self._port else ""
        return f"{'https' if self._secure else 'http'}://{host}{port}"

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A new connection, which is not open yet."""
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout, context=self._context
        )

    def headers(self) -> dict[str, str]:
        """The token, if there is one."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def explained(self, error: Exception) -> Exception:
        """In terms of the address."""
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(f"{self!r} did not answer in time")
        said = f"{self!r} cannot be reached ({type(error).__name__}: {error})"
        if isinstance(error, ssl.SSLCertVerificationError):
            said += (
                "; name whom to trust as ca_file (--ca), or the name that its certificate is for"
            )
        return Unavailable(said)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("retinue", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock: socket.socket = connect(self._path, self.timeout)


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.username is not None:
        raise InvalidInput("a URL is seen by others: leave the name and the password out of it")
    try:
        well = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        well = False
    if not well or parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidInput(f"{url!r}: give http://HOST:PORT or https://HOST:PORT")
    return parts


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"{ca_file} holds no certificates as PEM: {error}") from error


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
