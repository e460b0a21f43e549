"""Ways to get stuck, planted in a real kernel."""

from __future__ import annotations

import threading

import msgspec
import pytest

from retinue.bus.errors import RetinueError, TaskFailed
from retinue.kernel import Config
from retinue.kernel.config import SchedulerConfig
from retinue.plugins import AgentSpec, agent

from . import agents
from .agents import Silent, world

PLANTS = []


def plant(*kinds, words):
    """A way to get stuck: the kinds of the edges in order, and words that the answer has to have."""

    def keep(function):
        PLANTS.append(pytest.param(function, kinds, words, id=function.__name__))
        return function

    return keep


@plant("agent", words=["agent 'solo', which is not there", "not spawned again", "spawn it"])
def no_agent_since_the_restart(stage):
    @agent
    async def solo(ctx) -> None:
        """Defined in a function: a later start finds no reference to it."""

    first = stage.kernel()
    first.configure_scheduler(paused=True)
    first.spawn("solo", solo)
    task = first.submit("solo")
    first.close(drain=0)
    return stage.kernel(), task.id


@plant("agent", words=["agent 'gone', which could not be spawned again", "gone.py", "spawn it"])
def the_agents_code_is_gone(stage):
    file = stage.folder / "gone.py"
    file.write_text("async def gone(ctx) -> None:\n    pass\n")
    first = stage.kernel()
    first.configure_scheduler(paused=True)
    first.spawn("gone", AgentSpec.load(f"{file}:gone"))
    task = first.submit("gone")
    first.close(drain=0)
    file.unlink()
    return stage.kernel(), task.id


@plant("agent", words=["agent 'caller', which could not be spawned again", "world.hang"])
def the_plugin_of_its_tool_is_gone(stage):
    first = stage.kernel(plugins=[world()])
    first.configure_scheduler(paused=True)
    first.spawn("caller", agents.caller)
    task = first.submit("caller")
    first.close(drain=0)
    return stage.kernel(), task.id


@plant("paused", words=["the scheduler, which was paused", "POST /v1/scheduler"])
def the_scheduler_is_paused(stage):
    kernel = stage.kernel()
    kernel.spawn("idle", agents.idle)
    kernel.configure_scheduler(paused=True)
    return kernel, kernel.submit("idle").id


@plant("busy", "code", words=["agent 'idle', which is busy with {first}", "in its own code"])
def the_agent_is_busy(stage):
    kernel = stage.kernel()
    kernel.spawn("idle", agents.idle)
    first = kernel.submit("idle")
    stage.see(kernel, first.id, "agent.thought")
    return kernel, kernel.submit("idle").id, {"first": first.id}


@plant("busy", "tool", words=["busy with {first}", "calling world.hang", "tool world.hang"])
def the_agent_is_busy_with_a_tool(stage):
    kernel = stage.kernel(plugins=[world()])
    kernel.spawn("caller", agents.caller)
    first = kernel.submit("caller")
    stage.see(kernel, first.id, "tool.called")
    return kernel, kernel.submit("caller").id, {"first": first.id}


@plant("cap", "code", words=["the cap of 1 tasks in flight is reached", "{first} is the oldest"])
def the_cap_is_reached(stage):
    kernel = stage.kernel(config=Config(scheduler=SchedulerConfig(max_running=1)))
    kernel.spawn("idle", agents.idle)
    kernel.spawn("broken", agents.broken)
    first = kernel.submit("idle")
    stage.see(kernel, first.id, "agent.thought")
    return kernel, kernel.submit("broken").id, {"first": first.id}


@plant("back-off", words=["the back-off before attempt 2", "ConnectionError: no route"])
def it_waits_out_its_back_off(stage):
    kernel = stage.kernel(clock=stage.still())
    kernel.spawn("shaky", agents.shaky)
    task = kernel.submit("shaky")
    stage.see(kernel, task.id, "task.attempt_failed")
    stage.until(lambda: kernel.task(task.id).waiting_for)
    return kernel, task.id


@plant("child", "code", words=["its child {child} of agent 'idle'", "said nothing"])
def it_waits_for_its_child(stage):
    kernel = stage.kernel()
    for name in ("boss", "idle"):
        kernel.spawn(name, getattr(agents, name))
    return _above(stage, kernel, "boss", levels=1)


@plant(
    "child", "child", "busy", "code", words=["busy with {first}", "its child", "{first} waits for"]
)
def its_grandchild_waits_for_a_busy_agent(stage):
    kernel = stage.kernel()
    for name in ("chief", "boss", "idle"):
        kernel.spawn(name, getattr(agents, name))
    first = kernel.submit("idle")
    stage.see(kernel, first.id, "agent.thought")
    kernel, task, named = _above(stage, kernel, "chief", levels=2, last="task.queued")
    return kernel, task, {**named, "first": first.id}


@plant("tool", words=["tool world.hang, which has been running for"])
def its_tool_hangs(stage):
    kernel = stage.kernel(plugins=[world()])
    kernel.spawn("caller", agents.caller)
    task = kernel.submit("caller")
    stage.see(kernel, task.id, "tool.called")
    return kernel, task.id


@plant("model", words=["model silent, which has said nothing for"])
def its_model_is_silent(stage):
    kernel = stage.kernel(models={"auto": Silent()})
    kernel.spawn("talker", agents.talker)
    task = kernel.submit("talker")
    stage.see(kernel, task.id, "llm.called")
    return kernel, task.id


@plant("code", words=["its agent's own code, which has said nothing for", "its deadline is in"])
def its_own_code_hangs_with_a_deadline_ahead(stage):
    kernel = stage.kernel()
    kernel.spawn("idle", agents.idle)
    task = kernel.submit("idle", deadline=600)
    stage.see(kernel, task.id, "agent.thought")
    return kernel, task.id


@plant("ending", words=["its end: a cancel was asked for", "(enough of it)"])
def its_agent_does_not_let_itself_be_cancelled(stage):
    kernel = stage.kernel(clock=stage.still())
    kernel.spawn("stubborn", agents.stubborn)
    task = kernel.submit("stubborn")
    stage.see(kernel, task.id, "agent.thought")
    task.cancel("enough of it")
    return kernel, task.id


@plant(
    words=["failed after", "DeadlineExceeded", "not done within 60 s", "it spent 1 min 0 s in line"]
)
def it_was_over_its_deadline_while_it_waited(stage):
    clock = stage.still()
    kernel = stage.kernel(clock=clock)
    kernel.spawn("idle", agents.idle)
    stage.see(kernel, kernel.submit("idle").id, "agent.thought")
    task = kernel.submit("idle", deadline=60)
    clock.advance(60)
    _ended(task)
    return kernel, task.id


@plant(words=["was cancelled after", "changed my mind"])
def an_operator_cancelled_it(stage):
    kernel = stage.kernel()
    kernel.spawn("idle", agents.idle)
    task = kernel.submit("idle")
    stage.see(kernel, task.id, "agent.thought")
    task.cancel("changed my mind")
    _ended(task)
    return kernel, task.id


@plant(words=["was cancelled after", "asked for {parent}, above it"])
def it_was_cancelled_with_its_parent(stage):
    kernel = stage.kernel()
    for name in ("boss", "idle"):
        kernel.spawn(name, getattr(agents, name))
    kernel, parent, named = _above(stage, kernel, "boss", levels=1)
    kernel.cancel(parent, "no more")
    _ended(kernel.handle(parent))
    return kernel, named["child"], {"parent": parent}


@plant(words=["was cancelled after", "not needed", "(asked for by {by})"])
def another_task_cancelled_it(stage):
    @agent
    async def fickle(ctx) -> str:
        child = await ctx.submit("idle")
        await child.cancel("not needed")
        return child.id

    kernel = stage.kernel()
    kernel.spawn("fickle", fickle)
    kernel.spawn("idle", agents.idle)
    task = kernel.submit("fickle")
    child = task.result(timeout=30)
    stage.until(lambda: kernel.task(child).ended)
    stage.see(kernel, child, "task.cancelled")
    return kernel, child, {"by": task.id}


@plant(words=["failed after", "1 of 1 attempt(s)", "its child {child} of agent 'broken' failed"])
def its_child_failed_first(stage):
    kernel = stage.kernel()
    kernel.spawn("manager", agents.manager)
    kernel.spawn("broken", agents.broken)
    task = kernel.submit("manager")
    _ended(task)
    child = next(t.id for t in kernel.tasks() if t.parent == task.id)
    return kernel, task.id, {"child": child}


@plant(words=["failed after", "3 of 3 attempt(s): ConnectionError: no route"])
def its_attempts_are_used_up(stage):
    kernel = stage.kernel()
    kernel.spawn("shaky", agents.shaky)
    task = kernel.submit("shaky")
    _ended(task)
    return kernel, task.id


@plant(words=["with an unknown outcome", "world.pay was begun", "nobody knows"])
def nobody_knows_whether_its_effect_took_place(stage):
    paying = threading.Event()
    first = stage.kernel(plugins=[world(paying)])
    first.spawn("payer", agents.payer)
    task = first.submit("payer")
    assert paying.wait(30)
    first.close(drain=0)
    second = stage.kernel(plugins=[world()])
    stage.until(lambda: second.task(task.id).ended)
    return second, task.id


def _above(stage, kernel, name, levels, last="agent.thought"):
    """A task whose descendants, that many levels of them, all wait; ``child`` is the lowest.

    The event ``last`` tells that the lowest has come as far as it will.
    """
    task = kernel.submit(name)

    def lineage():
        found, below = [task.id], True
        while below:
            below = [t.id for t in kernel.tasks(run=task.run) if t.parent == found[-1]]
            found += below
        return found

    stage.until(lambda: len(lineage()) == levels + 1)
    *above, lowest = lineage()
    stage.see(kernel, lowest, last)
    stage.until(lambda: all(kernel.task(one).waiting_for for one in above))
    return kernel, task.id, {"child": lowest}


def _ended(task):
    try:
        task.result(timeout=30)
    except (TaskFailed, RetinueError):
        return
    raise AssertionError(f"{msgspec.to_builtins(task.state)}: it was not to succeed")
