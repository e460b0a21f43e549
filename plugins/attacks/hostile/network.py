"""Every way to a socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

__all__ = ["ATTACKS"]


def _opened(family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
    return socket.socket(family, kind, protocol)


def _connect(family: int, address: Any) -> str:
    with _opened(family) as sock:
        sock.settimeout(2)
        sock.connect(address)
    return f"connected to {address!r}"


def _loopback(told: dict[str, Any]) -> object:
    return _connect(socket.AF_INET, ("127.0.0.1", told["port"]))


def _loopback_six(told: dict[str, Any]) -> object:
    return _connect(socket.AF_INET6, ("::1", told["port"]))


def _metadata(_: dict[str, Any]) -> object:
    return _connect(socket.AF_INET, ("169.254.169.254", 80))


def _unix(told: dict[str, Any]) -> object:
    return _connect(socket.AF_UNIX, told["socket"])


def _abstract(told: dict[str, Any]) -> object:
    return _connect(socket.AF_UNIX, "\0" + told["abstract"])


def _name(_: dict[str, Any]) -> object:
    return socket.getaddrinfo("example.org", 443)


def _udp(_: dict[str, Any]) -> object:
    with _opened(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"x", ("127.0.0.1", 53))


def _listen(_: dict[str, Any]) -> object:
    with _opened(socket.AF_INET) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        return sock.getsockname()


def _of_family(number: int, kind: int, protocol: int = 0) -> Callable[[dict[str, Any]], object]:
    def attack(_: dict[str, Any]) -> object:
        with _opened(number, kind, protocol):
            return f"a socket of family {number}"

    return attack


def _pair_elsewhere(told: dict[str, Any]) -> object:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        return ours.sendto(b"x", told["socket"])


def _reconnect(told: dict[str, Any]) -> object:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.connect(told["socket"])
        return "connected"


def _send_descriptor(_: dict[str, Any]) -> object:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        return socket.send_fds(ours, [b"x"], [0])


ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "network: a port on loopback": _loopback,
    "network: a port on ::1": _loopback_six,
    "network: the metadata address": _metadata,
    "network: a Unix socket by path": _unix,
    "network: an abstract Unix socket": _abstract,
    "network: look up a name": _name,
    "network: UDP": _udp,
    "network: listen on a port": _listen,
    "network: a raw socket": _of_family(2, socket.SOCK_RAW, 1),
    "network: a packet socket": _of_family(17, socket.SOCK_RAW),
    "network: netlink": _of_family(16, socket.SOCK_RAW),
    "network: vsock": _of_family(40, socket.SOCK_STREAM),
    "network: the kernel's crypto": _of_family(38, socket.SOCK_SEQPACKET),
    "network: Bluetooth": _of_family(31, socket.SOCK_RAW),
    "network: send a pair's end elsewhere": _pair_elsewhere,
    "network: connect a pair's end elsewhere": _reconnect,
    "network: pass a descriptor": _send_descriptor,
}
