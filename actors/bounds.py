"""How large a result may be, whoever gives it. Pure."""

from __future__ import annotations

from retinue.bus.errors import ResultTooLarge

__all__ = ["NO_BOUND", "check_result"]

NO_BOUND = 1 << 40
"""More bytes than anything has."""


def check_result(result: bytes, most: int, whose: str) -> None:
    """Raise ``ResultTooLarge`` for JSON of more than ``most`` bytes; ``whose`` names the giver."""
    if len(result) > most:
        raise ResultTooLarge(
            f"the result of {whose} has {len(result):,} bytes, over the limit of {most:,}: "
            "return a reference to large data, or raise limits.result_bytes"
        )
