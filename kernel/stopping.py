"""The end of a kernel, in order: no new work, drain, stop, and the last event."""

from __future__ import annotations

import time

from retinue.actors.agent import Retire
from retinue.actors.feed import Reader
from retinue.actors.runtime import Future
from retinue.actors.runtime.future import VALUE
from retinue.actors.scheduler import Hold
from retinue.bus.errors import DeadlineExceeded, KernelClosed
from retinue.bus.journal import Filter
from retinue.bus.messages import KernelStopped, KernelStopping

from .balances import balances
from .elements import commit
from .tree import Tree

__all__ = ["stop"]

CLOSE_TIMEOUT = 5.0
RETIRE_TIMEOUT = 1.0


def stop(tree: Tree, drain: float, reason: str) -> None:
    """Stop in order; what has not ended after ``drain`` seconds is left unfinished, not cancelled."""
    tree.admission.closing = reason
    commit(tree, KernelStopping(reason, drain))
    if drain > 0:
        _drain(tree, drain)
    unfinished = tree.table.open
    counts = balances(tree.system)  # agents that end below are not there to be counted later
    tree.scheduler.tell(Hold())
    _retire(tree, RETIRE_TIMEOUT)
    tree.stop_work(CLOSE_TIMEOUT)
    tree.hearing.shut()
    try:
        commit(tree, KernelStopped(unfinished, counts | balances(tree.system)), CLOSE_TIMEOUT)
    except DeadlineExceeded as error:
        tree.unsaid.append(str(error))
    tree.completions.abandon(
        KernelClosed(f"kernel {tree.config.name!r} was closed before the task ended: {reason}")
    )
    tree.close(CLOSE_TIMEOUT)


def _drain(tree: Tree, seconds: float) -> None:
    """Wait until no task goes on, woken by each end of a run, and by what begins to wait."""
    # The machine's time: who closes a kernel blocks here, and could not move a clock by hand.
    until = time.monotonic() + seconds
    reader = Reader(tree.feed, tree.store.last, Filter(types=("run.*", "approval.*")))
    try:
        while _goes_on(tree) and not tree.hurried and (left := until - time.monotonic()) > 0:
            reader.wait(left)
            for _ in reader.ready():
                pass
    finally:
        reader.close()


def _goes_on(tree: Tree) -> bool:
    """Whether an open task is left that does not wait for somebody's word, nor for one that does."""
    if not tree.table.open:
        return False
    held: set[str] = set()
    for approval in tree.desk.table.open():
        if approval.task in tree.table.tasks:
            held.update(task.id for task in tree.table.lineage(approval.task))
    return tree.table.open > sum(tree.table.tasks[task].open for task in held)


def _retire(tree: Tree, seconds: float) -> None:
    """Let agents that are idle end, and run their ``on_stop``; those that work are cut off later."""
    busy = {working.turn.agent for working in list(tree.turns.values())}
    gone: list[Future[None]] = []
    for entry in tree.roster.entries():
        if entry.name not in busy and entry.ref.is_alive():
            ended: Future[None] = Future()
            entry.ref.monitor(lambda _, ended=ended: ended.settle(VALUE, None))  # type: ignore[misc]
            entry.ref.tell(Retire())
            gone.append(ended)
    until = time.monotonic() + seconds
    for ended in gone:
        try:
            ended.get(timeout=max(0.0, until - time.monotonic()))
        except DeadlineExceeded:
            tree.unsaid.append("agents took longer than their time to end")
            return
