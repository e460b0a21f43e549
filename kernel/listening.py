"""The TCP address of the API: which ones are allowed, and the socket that listens there."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from retinue.bus.errors import ConfigError, Unavailable

from .bounded_socket import BoundedSocket

if TYPE_CHECKING:
    from .config import Config

__all__ = ["check_listening", "is_loopback", "listen_tcp", "parse_address"]

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\[\]:]+)):(?P<port>\d{1,5})")
_BACKLOG = 256


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` with an address or ``localhost``; raises ``ConfigError``. Port 0: any free one."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ConfigError(f"{text!r}: give HOST:PORT, such as 127.0.0.1:8787 or [::1]:0")
    host = found["six"] or found["host"]
    host = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ConfigError(
            f"{text!r}: give an address of this machine, such as 127.0.0.1:8787 or 0.0.0.0:8787; "
            "names by which clients call it belong into api.names"
        ) from None
    return host, int(found["port"])


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach the address."""
    return ipaddress.ip_address(host).is_loopback


def check_listening(config: Config) -> None:
    """Whether what is said of TCP holds together; raises ``ConfigError``.

    Beyond this machine it takes a certificate, or a proxy in front that has one.
    """
    cert, key = config.tls.cert_file, config.tls.key_file
    if bool(cert) != bool(key):
        raise ConfigError("tls: give both tls.cert_file and tls.key_file, or neither")
    for name, file in (("cert_file", cert), ("key_file", key)):
        if file and not Path(file).is_file():
            raise ConfigError(f"tls.{name}: there is no file {file}")
    if not config.listen:
        return
    host, _ = parse_address(config.listen)
    if not is_loopback(host) and not cert and not config.api.behind_proxy:
        raise ConfigError(
            f"{config.listen!r}: beyond this machine tokens would travel in clear: give --tls-cert and "
            "--tls-key, say --behind-proxy when TLS ends at a proxy in front, or listen on 127.0.0.1"
        )


def listen_tcp(text: str, connections: int = 2048) -> BoundedSocket:
    """A bound and listening socket; raises ``ConfigError``, and ``Unavailable`` for a port in use."""
    host, port = parse_address(text)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = BoundedSocket(family, socket.SOCK_STREAM, connections)
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
