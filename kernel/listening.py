"""A TCP address for observers of this machine."""

from __future__ import annotations

import ipaddress
import re
import socket

from retinue.bus.errors import ConfigError, Unavailable

__all__ = ["listen_tcp", "parse_address"]

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\[\]:]+)):(?P<port>\d{1,5})")
_BACKLOG = 256


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` with a host of this machine alone; raises ``ConfigError``. Port 0: any free one."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ConfigError(f"{text!r}: give HOST:PORT, such as 127.0.0.1:8787 or [::1]:0")
    host = found["six"] or found["host"]
    host = "127.0.0.1" if host == "localhost" else host
    if not _is_loopback(host):
        raise ConfigError(
            f"{text!r}: beyond this machine a client would have to show a token, and there are none "
            "yet: listen on 127.0.0.1, ::1 or localhost"
        )
    return host, int(found["port"])


def listen_tcp(text: str) -> socket.socket:
    """A bound and listening socket; raises ``ConfigError``, and ``Unavailable`` for a port in use."""
    host, port = parse_address(text)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise Unavailable(
            f"cannot listen on {text}: {error.strerror}: choose another port"
        ) from error
    made.setblocking(False)
    return made


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
