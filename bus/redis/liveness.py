"""Whether a kernel is heard, from its heartbeats. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["Heartbeat", "Liveness", "read_heartbeat"]

PATIENCE = 3
"""Heartbeats that may be missed before a kernel counts as silent."""
_USUAL, _LONGEST = 1.0, 60.0


class Heartbeat(msgspec.Struct, frozen=True):
    """What a kernel says about once a second, also when it has nothing to tell.

    ``seq`` is the last that it published, ``last`` the newest of its journal, ``time`` seconds since
    the epoch, ``every`` seconds. ``journal`` and ``start`` as in the journal's key.
    """

    seq: int = 0
    time: float = 0.0
    state: str = "live"
    every: float = _USUAL
    last: int | None = None
    journal: str = ""
    start: str = ""


def read_heartbeat(data: object) -> Heartbeat | None:
    """The heartbeat in these bytes, or ``None``: they may be anything, or nothing."""
    if not isinstance(data, bytes):
        return None
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Liveness:
    """When a kernel was heard last. The times given are monotonic, in seconds."""

    def __init__(self) -> None:
        self.beat: Heartbeat | None = None
        """The last one, while there is one."""
        self._heard = float("-inf")

    def look(self, beat: Heartbeat | None, now: float, wall: float) -> None:
        """Note what a look at the heartbeat's key found; ``wall`` is seconds since the epoch.

        The key outlives a kernel that was killed. So what is found there counts when it has
        changed since the last look, or is of this moment by the clock.
        """
        if beat is None:
            self.forget()
        elif beat != self.beat and (
            self.beat is not None or abs(wall - beat.time) < PATIENCE * _interval(beat)
        ):
            self._heard = now
        self.beat = beat

    def hear(self, now: float) -> None:
        """Note that the kernel said something, where its heartbeats cannot be read."""
        self._heard = now

    def forget(self) -> None:
        """The kernel, or the way to it, is gone."""
        self.beat, self._heard = None, float("-inf")

    def fresh(self, now: float) -> bool:
        """Tell whether the kernel was heard lately, and did not say that it closes."""
        if self.beat is not None and self.beat.state != "live":
            return False
        every = _interval(self.beat) if self.beat is not None else _USUAL
        return now - self._heard <= PATIENCE * every


def _interval(beat: Heartbeat) -> float:
    return min(beat.every, _LONGEST) if beat.every > 0 else _USUAL


_decode = msgspec.json.Decoder(Heartbeat).decode
