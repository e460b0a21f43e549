"""A new run that goes on from where another one was."""

from __future__ import annotations

import pytest

from retinue.bus.errors import InvalidInput, NotFound, TaskFailed
from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Kernel
from retinue.kernel.config import Config, ModelsConfig
from retinue.kernel.replay import replay
from retinue.plugins import Plugin, agent, tool
from retinue.plugins.llm.model import Message
from retinue.plugins.llm.scripted import ScriptedModel

RECORDED = Config(models=ModelsConfig(record="always"))


@agent(tools=["bank.pay"])
async def child(ctx, to: str) -> str:
    return await ctx.call("bank.pay", to=to)


@agent(tools=["bank.*"])
async def boss(ctx, who: str) -> list[str]:
    said = [await ctx.call("bank.pay", to=who)]
    try:
        await ctx.call("bank.refuse")
    except Exception as error:
        said.append(str(error))
    answer = ""
    async for delta in ctx.model.stream([Message("user", said[0])]):
        answer += delta.text
    said.append(answer)
    said.append(await ctx.ask("child", to="the child"))
    said.append(await ctx.call("bank.pay", to=who))
    return said


class Bank:
    """A kernel with a bank, and what was paid."""

    def __init__(self, store):
        self.paid = []
        self.store = store
        self.model = ScriptedModel([f"answer {n}" for n in range(9)])
        self.kernel = Kernel(
            config=RECORDED, store=store, plugins=[self.plugin()], models={"auto": self.model}
        )

    def plugin(self):
        @tool(effect="once")
        def pay(to: str) -> str:
            self.paid.append(to)
            return f"paid {to} {len(self.paid)}"

        @tool
        def refuse() -> None:
            self.paid.append("refused")
            raise ValueError("no money")

        return Plugin("bank", "1.0", tools=[pay, refuse])

    def spawn(self):
        self.kernel.spawn("boss", boss)
        self.kernel.spawn("child", child)

    def ended(self, task):
        result = task.result(timeout=20)
        for _ in task.events():
            pass
        return result

    def events(self, task):
        return list(self.store.read(only=Filter(run=task.run)))


@pytest.fixture
def bank():
    """A kernel that ran the boss once, and that task."""
    made = Bank(MemoryStore())
    with made.kernel:
        made.spawn()
        task = made.kernel.submit("boss", {"who": "Ann"})
        made.result = made.ended(task)
        made.task = task
        yield made


def seq_of(events, type, number=0):
    return [event.seq for event in events if event.type == type][number]


def test_what_was_answered_by_then_is_given_again_and_what_follows_is_live(bank):
    events = bank.events(bank.task)
    before = list(bank.paid)
    forked = bank.kernel.fork(bank.task.run, seq_of(events, "llm.returned"))
    result = bank.ended(forked)
    assert result[:3] == bank.result[:3]
    assert len(bank.model.calls) == 1
    assert bank.paid == [*before, "the child", "Ann"]
    assert result[3:] == ["paid the child 5", "paid Ann 6"]


def test_from_its_first_event_a_fork_is_all_live(bank):
    events = bank.events(bank.task)
    result = bank.ended(bank.kernel.fork(bank.task.run, events[0].seq))
    assert result[2] == "answer 1"
    assert len(bank.paid) == 8


def test_from_its_last_event_a_fork_asks_nobody(bank):
    before = list(bank.paid)
    assert bank.ended(bank.kernel.fork(bank.task.run)) == bank.result
    assert bank.paid == before
    assert len(bank.model.calls) == 1


def test_another_input_makes_other_calls_which_are_live(bank):
    forked = bank.kernel.fork(bank.task.run, input={"who": "Bob"})
    result = bank.ended(forked)
    assert result[0] == "paid Bob 5"
    assert result[1] == bank.result[1]
    assert result[2] == "answer 1"
    assert result[3] == bank.result[3]


def test_the_first_event_tells_where_a_run_came_from(bank):
    at = seq_of(bank.events(bank.task), "tool.returned")
    forked = bank.kernel.fork(bank.task.run, at)
    bank.ended(forked)
    begun = bank.events(forked)[0]
    assert (begun.data["source"], begun.data["at"]) == (bank.task.run, at)
    assert "source" not in bank.events(bank.task)[0].data


def test_a_fork_can_be_replayed_without_the_run_that_it_came_from(bank):
    forked = bank.kernel.fork(bank.task.run, seq_of(bank.events(bank.task), "llm.returned"))
    bank.ended(forked)
    agents = {"boss": boss, "child": child}
    again = replay(bank.store, forked.run, agents=agents, plugins=[bank.plugin()])
    assert again.same, again.divergence


def test_an_event_of_another_run_and_an_unknown_run_are_refused(bank):
    last = bank.events(bank.task)[-1].seq
    with pytest.raises(InvalidInput, match=f"event {last + 1} is outside of run"):
        bank.kernel.fork(bank.task.run, last + 1)
    with pytest.raises(NotFound, match="no run 'r-none' is in the journal"):
        bank.kernel.fork("r-none")
    with pytest.raises(InvalidInput, match="agent 'boss'"):
        bank.kernel.fork(bank.task.run, input={"whom": "Bob"})


def test_a_fork_that_a_crash_broke_off_goes_on_with_the_same_past():
    first = Bank(MemoryStore())
    with first.kernel:
        first.spawn()
        task = first.kernel.submit("boss", {"who": "Ann"})
        result = first.ended(task)
        forked = first.kernel.fork(task.run)
        accepted = seq_of(first.events(forked), "task.queued")
        first.ended(forked)
    killed = MemoryStore()
    killed.append([event.envelope for event in first.store.read() if event.seq <= accepted])
    second = Bank(killed)
    with second.kernel:
        assert second.ended(second.kernel.handle(forked.id)) == result
        assert second.paid == []
        assert not second.model.calls


def test_a_failed_run_can_be_tried_again_from_before_its_failure():
    attempts = []

    @agent(tools=["bank.pay"])
    async def fragile(ctx) -> str:
        paid = await ctx.call("bank.pay", to="Ann")
        attempts.append(paid)
        if len(attempts) == 1:
            raise RuntimeError("a bad day")
        return paid

    bank = Bank(MemoryStore())
    with bank.kernel:
        bank.kernel.spawn("fragile", fragile)
        task = bank.kernel.submit("fragile")
        with pytest.raises(TaskFailed, match="a bad day"):
            task.result(timeout=20)
        assert bank.ended(bank.kernel.fork(task.run)) == "paid Ann 1"
        assert bank.paid == ["Ann"]
