"""The Keeper, as the configuration asks for it: how much of the journal is kept."""

from __future__ import annotations

from typing import Any, Protocol, cast

from retinue.actors.child_specs import ChildSpec
from retinue.actors.journal import JournalHealth
from retinue.actors.keeping import Policy, Record
from retinue.actors.past import Pasts
from retinue.actors.retention import Keeper
from retinue.actors.runtime import ActorRef, System
from retinue.actors.scribe import Scribe
from retinue.actors.task_table import TaskTable
from retinue.bus.journal import EventStore, MemoryStore
from retinue.bus.journal.retention import Cuttable, Retention

from .config import Config, JournalConfig

__all__ = ["bounds_of", "can_be_cut", "keepers"]


class Parts(Protocol):
    """The parts of a kernel that are needed; see ``Tree``."""

    @property
    def config(self) -> Config:
        """What is kept, and for how long."""

    @property
    def store(self) -> EventStore:
        """Where events go from."""

    @property
    def scribe(self) -> Scribe:
        """Writes checkpoints."""

    @property
    def journal(self) -> ActorRef[Any]:
        """Removes events."""

    @property
    def orchestrator(self) -> ActorRef[Any]:
        """Forgets tasks."""

    @property
    def table(self) -> TaskTable:
        """Which runs are open."""

    @property
    def pasts(self) -> Pasts:
        """Which runs others go on from."""

    @property
    def health(self) -> JournalHealth:
        """Whether the journal takes events."""

    @property
    def retention(self) -> Record:
        """Where it is noted what was done."""

    @property
    def system(self) -> System:
        """Has the timers."""


def keepers(parts: Parts) -> list[ChildSpec]:
    """The one Keeper; none for a store that bounds itself, as that in memory does."""
    if not can_be_cut(parts.store):
        return []
    journal = parts.config.journal
    args = (
        parts.store,
        parts.scribe,
        parts.journal,
        lambda: parts.orchestrator,
        lambda: _live(parts.table, parts.pasts),
        Policy(bounds_of(journal), journal.trim_every, journal.holds),
        parts.health,
        parts.retention,
        parts.system.after,
    )
    return [ChildSpec("retention", Keeper, args, optional=True)]


def bounds_of(journal: JournalConfig) -> Retention:
    """The bounds that are set."""
    return Retention(journal.max_age or None, journal.max_events or None, journal.max_bytes or None)


def can_be_cut(store: object) -> bool:
    """Whether it lets events go when it is told to, and not by itself."""
    return not isinstance(store, MemoryStore) and hasattr(cast("Cuttable", store), "cut")


def _live(table: TaskTable, pasts: Pasts) -> set[str]:
    """The runs that are not over, and those that one of them goes on from. Any thread."""
    live = {run.id for run in list(table.runs.values()) if run.open or not run.told}
    origins = filter(None, map(pasts.origin, live))
    return live | {origin.run for origin in origins}
