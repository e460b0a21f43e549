"""Following the mirror in Redis for ``retinue tail``: events, gaps and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import Unavailable
from retinue.bus.wire import ObservedEvent

from .options import Cli
from .output import json_line, note

if TYPE_CHECKING:
    from retinue.bus.redis.subscriber import Gap, Subscriber

__all__ = ["Mood", "follow_mirror", "lost"]

_TICK = 0.25
_SETTLED = 0.5
"""Seconds for which a state has to last before people are told of it; of a lost connection at once."""
_PATIENCE = 5.0
"""Seconds for which Redis may be away while what is there is read to its end."""
_AT_END = ("live", "silent")

_MEANING = {
    "live": "live: each event is printed as it comes",
    "behind": "behind: there is more to read",
    "silent": "silent: Redis is there, and no kernel of this name is heard",
    "disconnected": "disconnected: trying again",
}

Print = Callable[[ObservedEvent], None]


class Mood:
    """Says how the reading goes whenever that has changed, and stays so for a moment."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._told = self._seen = ""
        self._since = 0.0

    def look(self, state: str) -> str:
        """The state to tell, or an empty string."""
        now = self._clock.monotonic()
        if state != self._seen:
            self._seen, self._since = state, now
        settled = state == "disconnected" or now - self._since >= _SETTLED
        if state == self._told or not settled:
            return ""
        self._told = state
        return state


def follow_mirror(
    cli: Cli, subscriber: Subscriber, show: Print, *, follow: bool, fill: bool
) -> None:
    """Print what comes until it is all read, or for ever when it is to ``follow``.

    Raises ``Unavailable`` when Redis goes away before all was read.
    """
    from retinue.bus.redis.subscriber import Gap

    mood, clock = Mood(), SystemClock()
    lost_at = clock.monotonic()
    while True:
        for item in subscriber.read(timeout=_TICK):
            if isinstance(item, Gap):
                _gap(cli, item, show, fill=fill)
            else:
                show(item)
            _tell(cli, mood, subscriber)
            if not follow and subscriber.state in _AT_END:
                return
        _tell(cli, mood, subscriber)
        if subscriber.state != "disconnected":
            lost_at = clock.monotonic()
        if follow:
            continue
        if subscriber.state in _AT_END:
            return
        if clock.monotonic() - lost_at > _PATIENCE:
            raise Unavailable(
                f"Redis went away before all was read ({subscriber.problem}): go on with "
                f"--from {(subscriber.cursor or 0) + 1}"
            )


def _tell(cli: Cli, mood: Mood, subscriber: Subscriber) -> None:
    if (state := mood.look(subscriber.state)) and not cli.as_json:
        why = f" ({subscriber.problem})" if state == "disconnected" and subscriber.problem else ""
        note(_MEANING[state] + why)


def _gap(cli: Cli, gap: Gap, show: Print, *, fill: bool) -> None:
    """Fill it, in pieces, where the kernel can; say what is left of it."""
    if gap.anew is not None:
        _anew(cli, gap)
        return
    if not fill:
        _missing(cli, gap, "")
        return
    pieces = gap.parts()
    for piece in pieces:
        try:
            filled = piece.fill()
        except Unavailable as error:
            _missing(cli, type(gap)(piece.first, gap.last), str(error))
            return
        for event in filled:
            show(event)
        for first, last in filled.lost:
            lost(cli, first, last)


def _anew(cli: Cli, gap: Gap) -> None:
    if cli.as_json:
        json_line({"anew": {"after": gap.anew, "journal": gap.journal}})
    else:
        note(
            f"the kernel has another journal, whose numbers begin anew: {gap.anew} was of the one "
            "before, and what came after it there is not told"
        )


def _missing(cli: Cli, gap: Gap, why: str) -> None:
    if cli.as_json:
        said = {"first": gap.first, "last": gap.last, "how_to_fill": gap.how_to_fill}
        json_line({"gap": said | ({"error": why} if why else {})})
    else:
        note(why or f"events {gap.first} to {gap.last} are not in Redis: {gap.how_to_fill}")


def lost(cli: Cli, first: int, last: int) -> None:
    """Say that nobody has these events any more."""
    if cli.as_json:
        json_line({"gap": {"first": first, "last": last, "lost": True}})
    else:
        note(f"events {first} to {last} are gone: the journal does not have them any more")
