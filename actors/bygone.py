"""Runs that have ended so long ago that the table of tasks does not know them any more."""

from __future__ import annotations

import re
from collections import OrderedDict

from retinue.bus.journal import EventStore, Filter

from .task_table import TaskTable

__all__ = ["Bygone"]

_ID = re.compile(r"[a-z]-([0-9a-hjkmnp-tv-z]{8})-[0-9]+")
"""What the ids of any kernel look like; the middle part names a start of it."""
_LOOKS_A_SECOND = 20


class Bygone:
    """Tells of a run whether it was one of this kernel's and has ended. For one thread.

    Ids of other programs' own making never were. What looks like a kernel's may be another
    kernel's: the journal tells, and is asked 20 times a second at most.
    """

    def __init__(self, store: EventStore, table: TaskTable, boot: str, keep: int = 1_000) -> None:
        """``boot`` names this start of the kernel; ``keep`` answers are remembered."""
        self._store = store
        self._runs = table.runs
        self._boot = boot
        self._keep = keep
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._second, self._looks = 0, 0

    def has(self, run: str, now: float) -> bool | None:
        """Whether it has ended; ``None`` when the journal was asked too often by ``now``.

        One that the table knows has not, as far as this goes. Raises ``JournalError``.
        """
        found = _ID.fullmatch(run)
        if found is None or run in self._runs:
            return False
        if found[1] == self._boot:
            return True
        if run not in self._known:
            if not self._may_look(now):
                return None
            began = self._store.read(0, Filter(run=run, types=("run.*",)), 1)
            self._known[run] = next(began, None) is not None
            if len(self._known) > self._keep:
                self._known.popitem(last=False)
        return self._known[run]

    def _may_look(self, now: float) -> bool:
        second = int(now)
        if second != self._second:
            self._second, self._looks = second, 0
        self._looks += 1
        return self._looks <= _LOOKS_A_SECOND
