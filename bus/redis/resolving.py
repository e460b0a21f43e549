"""Where the server is now: asked of Sentinels or of a cluster before each connect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import redis
from redis.crc import key_slot

from .address import Host
from .shapes import mapping

__all__ = ["ClusterNodes", "Place", "SentinelService"]

Ask = Callable[[Host, Sequence[str], float], Any]
"""Give a host's answer to a command, within so many seconds a step; raises ``redis.RedisError``."""

_REMEMBERED = 3


class Place(Protocol):
    """A server that may be another one at the next connect. Used by any thread."""

    def find(self) -> Host:
        """Where to connect now; raises ``redis.ConnectionError`` when nobody knows."""

    def accept(self, answer: Any) -> None:
        """Look at a new connection's answer to ``HELLO``; raises ``redis.ConnectionError``."""


class SentinelService:
    """The master of a service, as the first Sentinel that answers sees it."""

    def __init__(self, sentinels: Sequence[Host], service: str, ask: Ask, timeout: float) -> None:
        """``timeout`` is in seconds, for all Sentinels together, about."""
        self._sentinels = tuple(sentinels)
        self._service = service
        self._ask = ask
        self._timeout = timeout

    def find(self) -> Host:
        """One after the other; the one that answered is asked first the next time."""
        told = []
        share = self._timeout / len(self._sentinels)
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
        for host in self._sentinels:
            try:
                found = self._ask(host, command, share)
            except redis.RedisError as error:
                told.append(f"{host}: {error}")
                continue
            if found:
                self._sentinels = (host, *(other for other in self._sentinels if other != host))
                return Host(found[0].decode(), int(found[1]))
            told.append(f"{host}: it watches no service {self._service!r}")
        raise redis.ConnectionError("no Sentinel knows the master: " + "; ".join(told))

    def accept(self, answer: Any) -> None:
        """A Sentinel may be the last to hear of a failover: refuse a server that is no master."""
        role = mapping(answer).get(b"role", b"")
        if role != b"master":
            raise redis.ConnectionError(
                f"the Sentinels name a server that is {role.decode() or 'something else'}, "
                "not the master: a failover is under way"
            )


class ClusterNodes:
    """The node of a cluster that has a key's slot; any node where there is no key."""

    def __init__(self, seeds: Sequence[Host], key: str, ask: Ask, timeout: float) -> None:
        """``timeout`` is in seconds, for all nodes together, about."""
        self._seeds = tuple(seeds)
        self._known: tuple[Host, ...] = ()
        self._slot = key_slot(key.encode()) if key else None
        self._ask = ask
        self._timeout = timeout

    def find(self) -> Host:
        """Ask the nodes last heard of, then the ones in the URL."""
        told = []
        asked = dict.fromkeys((*self._known, *self._seeds))
        share = self._timeout / len(asked)
        for host in asked:
            try:
                slots = self._ask(host, ("CLUSTER", "SLOTS"), share)
            except redis.exceptions.NoPermissionError:
                return host  # channels are the same on every node, and keys it has none
            except redis.RedisError as error:
                told.append(f"{host}: {error}")
                continue
            if found := self._choose(host, slots):
                return found
            told.append(f"{host}: no node has the slot {self._slot}")
        raise redis.ConnectionError("no node of the cluster answers: " + "; ".join(told))

    def accept(self, answer: Any) -> None:
        """A node that lost the slot says ``MOVED`` itself."""

    def _choose(self, asked: Host, slots: Sequence[Any]) -> Host | None:
        masters = {(low, high): _host(asked, node) for low, high, node, *_ in slots}
        if not masters:
            return None
        self._known = tuple(dict.fromkeys(masters.values()))[:_REMEMBERED]
        if self._slot is None:
            return asked
        having = (host for (low, high), host in masters.items() if low <= self._slot <= high)
        return next(having, None)


def _host(asked: Host, node: Sequence[Any]) -> Host:
    # A node that does not know its own address leaves it out: it is the one that was asked.
    return Host((node[0] or b"").decode() or asked.name, int(node[1]))
