"""Looking for an order of simultaneous things that gives what was recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from .code import Code
from .passes import Pass, Path
from .recording import Recording

__all__ = ["search"]

MAX_TRIES = 200
PATIENCE = 10.0
"""Seconds after which no further way is tried."""
STUBBORN = 40
"""After so many ways to the same divergence it is taken for what it is."""


def search(
    recording: Recording, code: Code, monotonic: Callable[[], float] = time.monotonic
) -> list[Pass]:
    """Passes over the recording, until one comes to its end or enough were tried.

    Of the ways not taken those are tried first that leave the pass that came furthest.
    """
    began = monotonic()
    numbers = count()
    waiting: list[tuple[int, int, Path]] = []
    known: set[Path] = {()}
    tried = [_passed(recording, code, ())]
    while tried[-1].divergence is not None and _goes_on(tried) and monotonic() - began < PATIENCE:
        for path in tried[-1].other_paths():
            if path not in known:
                known.add(path)
                heappush(waiting, (-tried[-1].reached[1], next(numbers), path))
        if not waiting:
            break
        tried.append(_passed(recording, code, heappop(waiting)[2]))
    return tried


def _passed(recording: Recording, code: Code, path: Path) -> Pass:
    attempt = Pass(recording, code, path)
    attempt.run()
    return attempt


def _goes_on(tried: list[Pass]) -> bool:
    """Whether it still looks as if another order could help."""
    latest = {str(attempt.divergence) for attempt in tried[-STUBBORN:]}
    return len(tried) < MAX_TRIES and not (len(tried) >= STUBBORN and len(latest) == 1)
