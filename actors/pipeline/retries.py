"""Whether a call is tried once more, and after how long. Pure."""

from __future__ import annotations

import msgspec

from retinue.bus.errors import DeadlineExceeded, PluginError, Unavailable
from retinue.plugins.host.failures import retry_after

from ..tasks import backoff

__all__ = ["Retry", "delay_before", "is_passing"]


class Retry(msgspec.Struct, frozen=True):
    """How often a call is made in all, and the longest back-off between two attempts, in seconds."""

    attempts: int = 1
    most: float = 10.0


def is_passing(error: BaseException) -> bool:
    """Whether it is the other side's trouble, which may be over soon: not the caller's mistake.

    What the other side did in time, and refused, is no trouble of its own.
    """
    kinds = (Unavailable, DeadlineExceeded, PluginError, ConnectionError, TimeoutError)
    return isinstance(error, kinds) or retry_after(error) is not None


def delay_before(
    retry: Retry, attempt: int, error: BaseException, effect: str, left: float, jitter: float
) -> float | None:
    """Seconds to wait after ``attempt`` failed; ``None``: it is not tried again.

    Never for a ``once`` tool, whose effect may have taken place, and never past the ``left`` seconds.
    """
    if effect == "once" or attempt >= retry.attempts or not is_passing(error):
        return None
    wait = max(backoff(attempt, jitter, most=retry.most), retry_after(error) or 0.0)
    return wait if wait < left else None
