"""Circuit breakers: closed, open after too many failures, half-open for trials. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Breaker", "BreakerRule", "admitted", "ended"]

Outcome = Literal["ok", "failed", "neutral"]


class BreakerRule(msgspec.Struct, frozen=True):
    """``failures`` within ``window`` seconds open it for ``pause``; ``trials`` that do well close it."""

    failures: int = 5
    window: float = 60.0
    pause: float = 30.0
    trials: int = 1


class Breaker(msgspec.Struct, frozen=True):
    """Moments are of one monotonic clock. Open while ``until`` is set, half-open once that is past.

    ``trying`` trials are under way, ``well`` came back well.
    """

    failed: tuple[float, ...] = ()
    until: float | None = None
    trying: int = 0
    well: int = 0

    def state(self, now: float) -> str:
        """closed, open or half-open."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half-open"


def admitted(rule: BreakerRule, breaker: Breaker, now: float) -> tuple[Breaker, bool]:
    """The breaker after one more call has come, and whether that may go on."""
    state = breaker.state(now)
    if state == "closed":
        return breaker, True
    if state == "open" or breaker.trying + breaker.well >= rule.trials:
        return breaker, False
    return msgspec.structs.replace(breaker, trying=breaker.trying + 1), True


def ended(
    rule: BreakerRule, breaker: Breaker, now: float, outcome: Outcome, trial: float | None = None
) -> Breaker:
    """The breaker after a call that was let through came back.

    ``trial`` is the breaker's ``until`` when it was let through. One from before the breaker opened,
    or opened again, changes nothing any more. A ``neutral`` end, such as a cancel, says nothing of
    the other side.
    """
    if breaker.until != trial:
        return breaker
    if breaker.until is not None:
        return _tried(rule, breaker, now, outcome)
    if outcome == "neutral":
        return breaker
    if outcome == "ok":
        return Breaker() if breaker.failed else breaker
    failed = (*(at for at in breaker.failed if now - at < rule.window), now)
    if len(failed) >= rule.failures:
        return Breaker(until=now + rule.pause)
    return Breaker(failed)


def _tried(rule: BreakerRule, breaker: Breaker, now: float, outcome: Outcome) -> Breaker:
    if outcome == "failed":
        return Breaker(until=now + rule.pause)
    trying = max(0, breaker.trying - 1)
    if outcome == "neutral":
        return msgspec.structs.replace(breaker, trying=trying)
    if breaker.well + 1 >= rule.trials:
        return Breaker()
    return msgspec.structs.replace(breaker, trying=trying, well=breaker.well + 1)
