"""Cancelling a task or a run."""

from __future__ import annotations

from retinue.bus.messages import CancelTask

from .tree import Tree

__all__ = ["cancel"]


def cancel(tree: Tree, task: str, reason: str, timeout: float) -> bool:
    """Returns once the cancel is committed; ``False`` when the task had ended before."""
    command = tree.scribe.write(CancelTask(reason), task=task)
    cancelled: bool = tree.orchestrator.ask(command, timeout=timeout)
    return cancelled
