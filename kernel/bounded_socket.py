"""A listening socket that takes so many connections and no more, of one address and of all."""

from __future__ import annotations

import ipaddress
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["BoundedSocket"]


class BoundedSocket(socket.socket):
    """Hangs up at once on what is over its bounds, before TLS or anything else is spent on it.

    Else whoever can reach the port takes every descriptor of the process, and the daemon's own
    user is locked out with the others.
    """

    def __init__(self, family: int, kind: int, most: int = 2048) -> None:
        """``most`` are open at once; a quarter of them may come from one address beyond this machine."""
        super().__init__(family, kind, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on
        self.on_refused: Callable[[str], None] | None = None
        """Told the address of who was hung up on; on the accepting thread."""
        self._most = most
        self._most_of_one = max(1, most // 4)
        self._open: Counter[str] = Counter()

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection; raises ``ConnectionAbortedError``, which event loops pass over."""
        handle, address = self._accept()  # type: ignore[attr-defined]
        made = _Counted(self.family, self.type, self.proto, fileno=handle)
        host = str(address[0])
        if self._is_full(host):
            made.close()
            if self.on_refused is not None:
                self.on_refused(host)
            raise ConnectionAbortedError("there are too many connections")
        made.count(self._open, host)
        return made, address

    def _is_full(self, host: str) -> bool:
        crowded = self._open[host] >= self._most_of_one and not _is_here(host)
        return crowded or self._open.total() >= self._most


class _Counted(socket.socket):
    """Counts itself out when it is closed, however that comes."""

    _counted: tuple[Counter[str], str] | None = None

    def count(self, open_ones: Counter[str], host: str) -> None:
        open_ones[host] += 1
        self._counted = (open_ones, host)

    def close(self) -> None:
        """Close it. Safe to repeat."""
        counted, self._counted = self._counted, None
        if counted is not None:
            open_ones, host = counted
            open_ones[host] -= 1
            if open_ones[host] <= 0:
                del open_ones[host]
        super().close()


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
