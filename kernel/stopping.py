"""The end of a kernel, in order: no new work, drain, stop, and the last event."""

from __future__ import annotations

from retinue.actors.feed import Reader
from retinue.bus.errors import DeadlineExceeded, KernelClosed
from retinue.bus.journal import Filter
from retinue.bus.messages import KernelStopped, KernelStopping

from .elements import commit
from .tree import Tree

__all__ = ["stop"]

CLOSE_TIMEOUT = 5.0


def stop(tree: Tree, drain: float, reason: str) -> None:
    """Stop in order; what has not ended after ``drain`` seconds is left unfinished, not cancelled."""
    tree.admission.closing = reason
    commit(tree, KernelStopping(reason, drain))
    if drain > 0:
        _drain(tree, drain)
    unfinished = tree.table.open
    tree.stop_work(CLOSE_TIMEOUT)
    try:
        commit(tree, KernelStopped(unfinished), CLOSE_TIMEOUT)
    except DeadlineExceeded as error:
        tree.unsaid.append(str(error))
    tree.completions.abandon(
        KernelClosed(f"kernel {tree.config.name!r} was closed before the task ended: {reason}")
    )
    tree.close(CLOSE_TIMEOUT)


def _drain(tree: Tree, seconds: float) -> None:
    """Wait until no task is open, woken by each end of a run."""
    until = tree.clock.monotonic() + seconds
    reader = Reader(tree.feed, tree.store.last, Filter(types=("run.*",)))
    try:
        while tree.table.open and (left := until - tree.clock.monotonic()) > 0:
            reader.wait(left)
            for _ in reader.ready():
                pass
    finally:
        reader.close()
