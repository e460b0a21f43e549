"""Identifiers: short, unique across restarts, and cheap enough for every message."""

from __future__ import annotations

import itertools
from collections.abc import Callable

__all__ = ["Ids", "random_boot"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_BOOT_LENGTH = 8


class Ids:
    """Makes ``{kind}-{boot}-{n}``: the boot part differs at each start, ``n`` counts from 1.

    A uuid costs 2 µs a piece, this 0.2. Any thread may call it.
    """

    def __init__(self, boot: str) -> None:
        """``boot`` names this start of the kernel; see ``random_boot``."""
        self.boot = boot
        self.number = itertools.count(1).__next__

    def make(self, kind: str) -> str:
        """The next id, for example ``t-5x0c2k9d-17``."""
        return f"{kind}-{self.boot}-{self.number()}"


def random_boot(randbits: Callable[[int], int]) -> str:
    """Eight base-32 characters from 40 random bits, as ``secrets.randbits`` gives them."""
    bits = randbits(5 * _BOOT_LENGTH)
    return "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(0, 5 * _BOOT_LENGTH, 5))
