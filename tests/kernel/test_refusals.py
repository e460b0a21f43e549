"""What a kernel does not take: bad input, too much at once, and anything once it closes."""

from __future__ import annotations

import asyncio
import threading

import pytest

from retinue.bus.errors import InvalidInput, KernelClosed, MailboxFull, TaskCancelled, UnknownAgent
from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Config, Kernel
from retinue.kernel.config import LimitsConfig
from retinue.plugins import agent


@agent
async def shout(ctx, text: str) -> str:
    ctx.thought("louder")
    return text.upper()


@agent
async def never(ctx) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("agent_name", "given", "options", "error", "words"),
    [
        ("shuot", {"text": "a"}, {}, UnknownAgent, "did you mean 'shout'"),
        ("shout", {}, {}, InvalidInput, "text"),
        ("shout", {"text": 1}, {}, InvalidInput, "text"),
        ("shout", {"text": "a", "more": 1}, {}, InvalidInput, "more"),
        ("shout", {"text": "a"}, {"priority": 10}, InvalidInput, "0 to 9"),
        ("shout", {"text": "a"}, {"priority": -1}, InvalidInput, "9 is the most urgent"),
        ("shout", {"text": "a"}, {"deadline": 0}, InvalidInput, "positive"),
        ("shout", {"text": float("nan")}, {}, InvalidInput, "NaN"),
        ("shout", {"text": object()}, {}, InvalidInput, "cannot be encoded"),
        ("shout", {"text": "x" * 2_000_000}, {}, InvalidInput, "over the limit"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_accepted(
    kernel, agent_name, given, options, error, words
):
    kernel.spawn("shout", shout)
    before = kernel.last_seq
    with pytest.raises(error) as refused:
        kernel.submit(agent_name, given, **options)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    good = kernel.submit("shout", {"text": "a"})  # its events come after all that a refusal wrote
    first = next(event for event in kernel.events(after=before, follow=False))
    assert (first.seq, first.run) == (before + 1, good.run)
    assert kernel.status().tasks["submitted"] == 0


def test_more_open_tasks_than_the_limit_are_refused_and_the_others_go_on():
    config = Config(limits=LimitsConfig(open_tasks=2))
    with Kernel(config=config) as kernel:
        kernel.spawn("never", never)
        first = kernel.submit("never")
        kernel.submit("never")
        with pytest.raises(InvalidInput, match=r"limits\.open_tasks"):
            kernel.submit("never")
        first.cancel()
        with pytest.raises(TaskCancelled):
            first.result(timeout=5)
        kernel.submit("never")


def test_more_on_its_way_in_than_the_limit_is_refused_until_some_was_answered():
    config = Config(limits=LimitsConfig(mailbox_messages=2))
    with Kernel(config=config) as kernel:
        kernel.spawn("shout", shout)
        sent = [kernel.send("shout", {"text": "a"}) for _ in range(2)]
        with pytest.raises(MailboxFull, match=r"limits\.mailbox_messages"):
            kernel.send("shout", {"text": "b"})
        assert [one.handle(10).result(timeout=10) for one in sent] == ["A", "A"]
        assert kernel.submit("shout", {"text": "b"}).result(timeout=10) == "B"


def test_a_closed_kernel_answers_those_who_still_wait_and_ends_no_task():
    store = MemoryStore()
    kernel = Kernel(store=store).start()
    kernel.spawn("never", never)
    task = kernel.submit("never")
    for event in task.events(timeout=10):
        if event.type == "task.running":
            break
    kernel.close(drain=0, reason="end of test")
    with pytest.raises(KernelClosed, match="end of test"):
        task.result(timeout=5)
    with pytest.raises(KernelClosed):
        kernel.submit("never")
    assert [e.type for e in store.read(only=Filter(run=task.run))][-1] == "task.running"


def test_closing_waits_for_what_runs_up_to_the_drain():
    release = threading.Event()

    @agent
    def slow(ctx) -> str:
        release.wait(10)
        return "finished"

    kernel = Kernel().start()
    kernel.spawn("slow", slow)
    task = kernel.submit("slow")
    closing = threading.Thread(target=kernel.close, args=(10.0,))
    closing.start()
    release.set()
    closing.join(10)
    assert task.result(timeout=1) == "finished"


def test_a_class_agent_is_told_when_the_kernel_closes():
    told = []

    @agent
    class Holds:
        def on_stop(self) -> None:
            told.append("stopped")

        async def run(self, ctx) -> str:
            return "ran"

    with Kernel() as kernel:
        kernel.spawn("holds", Holds)
        assert kernel.submit("holds").result(timeout=5) == "ran"
    assert told == ["stopped"]
