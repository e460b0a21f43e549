"""Going on where the last start ended: the journal is folded, and what was open is resumed."""

from __future__ import annotations

from pathlib import Path

from retinue.actors.approval_desk import GoOn
from retinue.actors.fold import AgentRecord, Folded, fold
from retinue.actors.orchestrator import Resume
from retinue.actors.restoring import forget_with, restored
from retinue.actors.snapshot import freeze, thaw
from retinue.bus.errors import JournalError, RetinueError
from retinue.bus.journal import EventStore, MemoryStore
from retinue.bus.journal.checkpoints import Checkpoint, newest
from retinue.bus.messages import AgentFailed, KernelRecovered
from retinue.plugins import AgentSpec, Tool

from .agents import spawn
from .config import Config
from .elements import commit
from .forking import past_of
from .tree import Tree

__all__ = ["folded_from", "open_store", "resume"]

SNAPSHOT = "state"
SNAPSHOT_AFTER = 20_000
"""Events whose folding takes about a tenth of a second: fewer are not worth a file."""


def open_store(config: Config) -> EventStore:
    """Where the kernel keeps its events: in its state folder, or in memory when it has none."""
    if not config.state_dir:
        return MemoryStore(config.limits.journal_events)
    from retinue.bus.journal.sqlite import SqliteStore

    folder = Path(config.state_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteStore(folder / "journal.db", config.journal.synchronous)


def folded_from(store: EventStore, keep: int) -> Folded:
    """The state that the store's events tell; ``keep`` counts ended tasks.

    Begins with a snapshot where the store has one, and leaves one when many events came after it;
    without one, with the checkpoint that stands for events that are no longer kept. Raises
    ``JournalError`` when events are gone and nothing stands for them.
    """
    checkpoint = _checkpoint(store)
    folded = _snapshot(store, keep, checkpoint) or restored(checkpoint, keep)
    before = folded.seq
    for event in store.read(before):
        fold(folded, event)
    save = getattr(store, "save_snapshot", None)
    if save is not None and folded.seq - before >= SNAPSHOT_AFTER:
        save(SNAPSHOT, folded.seq, freeze(folded))
    return folded


def _checkpoint(store: EventStore) -> Checkpoint | None:
    """A store in memory lets its oldest events go by itself; what it holds is all there is."""
    if isinstance(store, MemoryStore):
        return None
    found = newest(store)
    until = 0 if found is None else found.until
    if until < store.first - 1:
        raise JournalError(
            f"the journal's events {until + 1} to {store.first - 1} are gone, and no checkpoint says "
            "what they told: restore the journal from a copy",
            kind="corrupt",
            retryable=False,
        )
    return found


def _snapshot(store: EventStore, keep: int, checkpoint: Checkpoint | None) -> Folded | None:
    load = getattr(store, "load_snapshot", None)
    found = load(SNAPSHOT) if load is not None else None
    folded = None if found is None else thaw(found[1], keep)
    if folded is None or checkpoint is None:
        return folded
    if folded.seq < checkpoint.until:
        return None
    forget_with(folded, checkpoint)
    return folded


def resume(tree: Tree, folded: Folded) -> None:
    """Spawn the agents that were there, then go on with every task that was left open."""
    for record in list(folded.agents.values()):
        if record.name not in tree.roster and record.reference:
            _spawn_again(tree, record)
    for run, origin in folded.origins.items():
        tree.pasts.begin(run, origin, past_of(tree.store, origin))
    tree.approver.tell(GoOn())
    due = {task: at for task, at in folded.due.items() if task in tree.table.tasks}
    resumed, unknown = tree.orchestrator.ask(Resume(due))
    if folded.seq:
        commit(tree, KernelRecovered(folded.seq, resumed, unknown, folded.clean))


def _spawn_again(tree: Tree, record: AgentRecord) -> None:
    """One agent that cannot be had must not keep the kernel from starting: its tasks wait."""
    try:
        spec = AgentSpec.load(record.reference)
        own = {tool.name: tool for tool in spec.tools if isinstance(tool, Tool)}
        tools = [own.get(name, name) for name in record.tools]
        model, given = record.model or None, record.permissions
        spawn(tree, record.name, spec, record.isolation, tools, model, given)
    except (RetinueError, ImportError) as error:
        kind = type(error).__name__
        tree.say(AgentFailed(kind, str(error), "not spawned again; its tasks wait"), record.name)
