"""The kernel's watchdog, as a child of its supervisor."""

from __future__ import annotations

import time
from typing import Any, Protocol

from retinue.actors.agent import Working
from retinue.actors.child_specs import ChildSpec
from retinue.actors.execution import Executors
from retinue.actors.progress import Budgets
from retinue.actors.runtime import ActorRef, System
from retinue.actors.scribe import Scribe
from retinue.actors.watchdog import Watchdog

from .config import Config

__all__ = ["watchdog_of"]


class Parts(Protocol):
    """What is needed of a kernel's tree."""

    config: Config
    scribe: Scribe
    orchestrator: ActorRef[Any]
    executors: Executors
    turns: dict[str, Working]
    system: System


def watchdog_of(tree: Parts) -> ChildSpec:
    """Looks at every running turn, and names those that hang."""
    watch = tree.config.watchdog
    args = (
        tree.scribe,
        lambda: tree.orchestrator,
        tree.executors,
        tree.turns,
        Budgets(watch.stall, watch.tool, watch.stream, watch.turn),
        watch.action,
        tree.system.after,
        time.monotonic,
    )
    return ChildSpec("watchdog", Watchdog, args)
