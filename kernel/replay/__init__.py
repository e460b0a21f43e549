"""Recorded runs: run again, compared, and continued."""

from __future__ import annotations

from .diff import Change, diff
from .divergence import Divergence
from .replay import Replay, replay, replay_events

__all__ = ["Change", "Divergence", "Replay", "diff", "replay", "replay_events"]
