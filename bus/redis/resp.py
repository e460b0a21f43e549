"""Redis' wire protocol, the little of it that publishing needs. Pure.

redis-py packs each argument through four calls; here an event's arguments are one format.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["bulk", "command"]


def bulk(data: bytes) -> bytes:
    """One argument."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def command(arguments: Iterable[bytes], packed: Iterable[bytes] = (), count: int = 0) -> bytes:
    """A command of ``arguments``, then of ``packed`` pieces that hold ``count`` more."""
    head = [bulk(argument) for argument in arguments]
    return b"".join([b"*%d\r\n" % (len(head) + count), *head, *packed])
