"""Replay, compare and continue recorded runs."""

from __future__ import annotations

from .divergence import Divergence
from .replay import Replay, replay, replay_events

__all__ = ["Divergence", "Replay", "replay", "replay_events"]
