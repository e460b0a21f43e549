"""The Keeper, as the configuration asks for it: how much of the journal is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from retinue.actors.child_specs import ChildSpec
from retinue.actors.keeping import Policy
from retinue.actors.retention import Keeper
from retinue.bus.journal import MemoryStore
from retinue.bus.journal.retention import Cuttable, Retention

from .config import JournalConfig

if TYPE_CHECKING:
    from .tree import Tree

__all__ = ["bounds_of", "can_be_cut", "keepers"]


def keepers(tree: Tree) -> list[ChildSpec]:
    """The one Keeper; none for a store that bounds itself, as that in memory does."""
    if not can_be_cut(tree.store):
        return []
    journal = tree.config.journal
    args = (
        tree.store,
        tree.scribe,
        tree.journal,
        lambda: tree.orchestrator,
        lambda: _live(tree),
        Policy(bounds_of(journal), journal.trim_every, journal.holds),
        tree.health,
        tree.retention,
        tree.system.after,
    )
    return [ChildSpec("retention", Keeper, args)]


def bounds_of(journal: JournalConfig) -> Retention:
    """The bounds that are set."""
    return Retention(journal.max_age or None, journal.max_events or None, journal.max_bytes or None)


def can_be_cut(store: object) -> bool:
    """Whether it lets events go when it is told to, and not by itself."""
    return not isinstance(store, MemoryStore) and hasattr(cast("Cuttable", store), "cut")


def _live(tree: Tree) -> set[str]:
    """The runs that are not over, and those that one of them goes on from."""
    live = {run.id for run in list(tree.table.runs.values()) if run.open or not run.told}
    origins = filter(None, map(tree.pasts.origin, live))
    return live | {origin.run for origin in origins}
