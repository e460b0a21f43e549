"""What can be seen of a kernel: views made from its state. They change nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from retinue.actors.roster import Entry
from retinue.actors.scheduler import WhyWaiting
from retinue.actors.tasks import ENDED_STATES, OPEN_STATES, Run, Task, run_view, task_view
from retinue.bus.errors import InvalidInput
from retinue.bus.messages import SchedulerConfigured
from retinue.bus.views import AgentView, JournalView, PluginView, RunView, StatusView, TaskView
from retinue.plugins.hosting.agent_plan import permissions_of
from retinue.plugins.manifest.grants import describe

from .tree import Tree

__all__ = [
    "agent_view",
    "plugin_view",
    "run_list",
    "run_one",
    "scheduling",
    "status",
    "task_list",
    "task_one",
]

STATES = (*OPEN_STATES, *ENDED_STATES)


def task_list(
    tree: Tree,
    state: str | None,
    agent: str | None,
    run: str | None,
    limit: int,
    before: str | None = None,
) -> list[TaskView]:
    """Tasks that match all that is given, newest first."""
    _check(state)
    newest = tree.table.newest(before)
    found = (task for task in newest if _matches(task, state, agent, run))
    return _views(tree, islice(found, limit))


def task_one(tree: Tree, task: str) -> TaskView:
    """One task; raises ``NotFound``."""
    return _views(tree, [tree.table.find(task)])[0]


def run_list(
    tree: Tree,
    limit: int,
    state: str | None = None,
    agent: str | None = None,
    before: str | None = None,
) -> list[RunView]:
    """Runs that match all that is given, newest first."""
    _check(state)
    found = _runs(tree, tree.table.newest_runs(before), state, agent)
    return list(islice(found, limit))


def _runs(
    tree: Tree, newest: Iterable[Run], state: str | None, agent: str | None
) -> Iterator[RunView]:
    task = tree.table.tasks.get
    for run in newest:
        if state is None or run.state == state:
            root = task(run.root)  # forgotten meanwhile, perhaps
            if root is not None and (agent is None or root.agent == agent):
                yield run_view(run, root)


def run_one(tree: Tree, run: str) -> RunView:
    """One run; raises ``NotFound``."""
    found = tree.table.find_run(run)
    return run_view(found, tree.table.find(found.root))


def agent_view(tree: Tree, entry: Entry) -> AgentView:
    """One agent, with what it is doing."""
    turns = [(t, w) for t, w in list(tree.turns.items()) if w.turn.agent == entry.name]
    tally = tree.table.tally(entry.name)
    step, since = "", None
    if turns:
        first = turns[0][1]
        step = first.turn.step
        since = tree.clock.time() - (tree.clock.monotonic() - first.began)
    return AgentView(
        entry.name,
        entry.isolation,
        "running" if turns else "idle",
        entry.tools,
        entry.model,
        tuple(task for task, _ in turns),
        tally["queued"] + tally["submitted"],
        tally["succeeded"],
        tally["failed"],
        step,
        since,
        entry.spec.schema,
        entry.level,
        tuple(describe(permissions_of(entry.spec))) if entry.level else (),
        tuple(tree.toolbox.pipeline.turn_order(entry.spec)),
    )


def plugin_view(tree: Tree, view: PluginView) -> PluginView:
    """One plugin; of each tool that is there, also what its calls pass."""
    order = tree.toolbox.order
    tools = {name: {**about, "pipeline": order(name)} for name, about in view.tools.items()}
    return msgspec.structs.replace(view, tools=tools)


def status(tree: Tree, state: str, version: str, started: float, kept: JournalView) -> StatusView:
    """The kernel at a glance; asks no actor, so that it never waits."""
    system = tree.system.statistics()
    scheduler = scheduling(tree)
    return StatusView(
        tree.config.name,
        version,
        os.getpid(),
        state,
        tree.clock.monotonic() - started,
        len(tree.roster.entries()),
        tree.table.counts(),
        tree.table.open_runs,
        scheduler.policy,
        scheduler.paused,
        tree.store.last,
        tree.bus_view(),
        sum(system.dead_letters.values()),
        tree.health.trouble,
        _actors(tree),
        kept=kept,
    )


def _actors(tree: Tree) -> list[dict[str, Any]]:
    """The kernel's own actors; agents have views of their own."""
    refs = [ref for ref in tree.system.refs() if not ref.name.startswith("agent:")]
    return [msgspec.to_builtins(ref.statistics()) for ref in refs]


def scheduling(tree: Tree) -> SchedulerConfigured:
    """By what the Scheduler decides now."""
    desk = tree.line
    line = desk.line
    return SchedulerConfigured(line.policy.name, line.max_running, line.max_per_agent, desk.paused)


def _check(state: str | None) -> None:
    if state is not None and state not in STATES:
        raise InvalidInput(f"no task has the state {state!r}: use one of {', '.join(STATES)}")


def _matches(task: Task, state: str | None, agent: str | None, run: str | None) -> bool:
    return (
        (state is None or task.state == state)
        and (agent is None or task.agent == agent)
        and (run is None or task.run == run)
    )


def _views(tree: Tree, tasks: Iterable[Task]) -> list[TaskView]:
    tasks = list(tasks)
    waiting = tuple(t.id for t in tasks if t.state == "queued")
    why = tree.scheduler.ask(WhyWaiting(waiting)) if waiting else {}
    return [task_view(task, _waits_for(tree, task, why)) for task in tasks]


def _waits_for(tree: Tree, task: Task, why: dict[str, str]) -> str:
    if task.delayed:
        return f"the back-off before attempt {task.attempt} of {task.attempts}"
    if task.state == "queued":
        return why.get(task.id, "")
    working = tree.turns.get(task.id)
    if working is not None and working.turn.step.startswith("waiting for "):
        return working.turn.step.removeprefix("waiting for ")
    return ""
