"""What one script writes on a cluster lies in one slot."""

from __future__ import annotations

from redis.crc import key_slot

from ..errors import ConfigError
from ..topics import stream
from .address import parse

__all__ = ["check_slot"]


def check_slot(url: str, kernel: str, key: str, setting: str) -> None:
    """Raise ``ConfigError`` where ``url`` is a cluster's and ``key`` not in the kernel's slot.

    ``setting`` is what named the key.
    """
    if parse(url).kind != "cluster":
        return
    if key_slot(key.encode()) != key_slot(stream(kernel).encode()):
        raise ConfigError(
            f"{setting} is {key!r}, which a cluster keeps elsewhere than the events of kernel "
            f"{kernel!r}: name it with the kernel's hash tag, as in '{{{kernel}}}:{key}'"
        )
