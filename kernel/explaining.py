"""Why something in a running kernel is as it is: the journal's answer, with what only memory holds."""

from __future__ import annotations

from retinue.actors.scheduler import AskScheduler, WhyWaiting
from retinue.bus.messages import SchedulerConfigured

from .asking.edges import Live
from .asking.why import Answer, why
from .tree import Tree

__all__ = ["explain"]

MOST = 1_000
"""Waiting tasks that the scheduler is asked about at once."""


def explain(tree: Tree, id: str) -> Answer:
    """See ``asking.why.why``; raises ``NotFound``."""
    return why(tree.store, id, tree.clock.time(), _live(tree))


def _live(tree: Tree) -> Live:
    scheduler: SchedulerConfigured = tree.scheduler.ask(AskScheduler())
    steps = {task: working.turn.step for task, working in list(tree.turns.items())}
    queued = tuple(t.id for t in list(tree.table.tasks.values()) if t.state == "queued")[:MOST]
    waiting = tree.scheduler.ask(WhyWaiting(queued)) if queued else {}
    return Live(True, scheduler.max_running, steps, waiting, tree.health.trouble)
