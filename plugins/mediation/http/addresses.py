"""From a host's name to the addresses that may be connected to: public ones, looked up once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from retinue.bus.errors import Denied, NotFound

__all__ = ["Resolve", "is_public", "pinned", "resolve"]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, as text; asked once for each request."""

_MAX_ADDRESSES = 4
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ELSEWHERE = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"))
)
"""Tunnels, documentation, and special uses within the unicast range."""
_RELAYS = int(IPv4Address("192.88.99.0")) >> 8


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system. ``*.localhost`` is this machine, whatever a name server says (RFC 6761)."""
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1"]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def pinned(
    host: str, port: int, resolve: Resolve, private: Collection[str]
) -> tuple[str, ...]:
    """The addresses to try, in order; nothing is looked up again after this.

    Raises ``Denied`` if any is not public, unless the operator named the host in ``private``, and
    ``NotFound`` for a name without addresses.
    """
    try:
        found = tuple(await resolve(host, port))[:_MAX_ADDRESSES]
    except OSError as error:
        raise NotFound(f"host {host!r} has no address: {error.strerror or error}") from None
    if not found:
        raise NotFound(f"host {host!r} has no address")
    if host not in private and not all(map(is_public, found)):
        raise Denied(
            "http.address",
            host,
            f"host {host!r} leads to an address that is not public; an operator allows that for "
            "development with [sandbox] allow_private_hosts",
        )
    return found


def is_public(address: str) -> bool:
    """Whether it is an address of the public internet, whatever it is wrapped in. Pure."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return _public4(found)
    if found.scope_id is not None:
        return False
    return _public6(found)


def _public4(address: IPv4Address) -> bool:
    relay = int(address) >> 8 == _RELAYS
    return address.is_global and not (address.is_multicast or address.is_reserved or relay)


def _public6(address: IPv6Address) -> bool:
    if address in _NAT64:
        return _public4(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _UNICAST or any(address in network for network in _ELSEWHERE):
        return False
    return address.is_global
