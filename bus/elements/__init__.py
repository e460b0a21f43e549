"""Elements, piles of them, and progressions: orders over a pile."""

from __future__ import annotations

from .element import Element
from .pile import Pile
from .progression import Progression

__all__ = ["Element", "Pile", "Progression"]
