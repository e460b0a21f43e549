"""The journal: an append-only store of events, the truth from which all state is derived."""

from __future__ import annotations

from .memory import MemoryStore
from .store import Commit, EventStore, Filter, identity_of

__all__ = ["Commit", "EventStore", "Filter", "MemoryStore", "identity_of"]
