"""A call that has to be asked for waits, goes on once it is granted, and never without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from retinue.bus.clock import ManualClock
from retinue.bus.codec import encode
from retinue.bus.errors import InvalidInput, KernelClosed, NotFound, TaskFailed
from retinue.bus.journal import MemoryStore
from retinue.bus.messages import ApprovalGranted
from retinue.plugins import agent

from .conftest import first, merge, types

GRANTED = "approval.granted"


@agent
async def echo(ctx, text: str) -> str:
    return text


WIRE = {"tool": "wire", "args": {"amount": 5, "to": "ann"}}


def test_a_call_that_has_to_be_asked_for_waits_and_goes_on_once_it_is_granted(start, paid):
    with start() as kernel:
        task = kernel.submit("clerk", WIRE)
        asked = first(kernel, "approval.requested").data
        (waiting,) = kernel.approvals()
        assert (waiting.state, waiting.resource, waiting.who) == (
            "requested",
            "wire",
            ("operator",),
        )
        assert waiting.args == {"amount": 5, "to": "ann"}
        assert waiting.principals == ("agent:clerk",)
        assert not paid
        assert kernel.approve(waiting.id, reason="the invoice is right").state == "granted"
        assert task.result(timeout=10) == ["5 to ann"]
        assert asked["rule"] == "wire-asks"
        assert types(kernel, task.run, "approval.", "tool.") == [
            "approval.requested",
            "approval.granted",
            "approval.used",
            "tool.called",
            "tool.returned",
        ]


def test_a_call_that_is_denied_does_nothing_and_the_same_call_is_not_asked_for_again(start, paid):
    with start() as kernel:
        task = kernel.submit("clerk", WIRE, attempts=2)
        first(kernel, "approval.requested")
        kernel.deny(kernel.approvals()[0].id, reason="not this month")
        with pytest.raises(TaskFailed, match="not this month"):
            task.result(timeout=10)
        assert not paid
        said = types(kernel, task.run, "approval.", "tool.", "security.")
        assert said == [
            "approval.requested",
            "approval.denied",
            "security.denied",
            "tool.called",
            "tool.returned",
        ]


def test_an_approval_counts_for_one_call_and_not_for_the_next(start, paid):
    with start() as kernel:
        task = kernel.submit("clerk", {**WIRE, "times": 2})
        one = first(kernel, "approval.requested")
        kernel.approve(one.data["approval"])
        two = first(kernel, "approval.requested", one.seq)
        assert two.data["digest"] == one.data["digest"]
        assert len(paid) == 1
        kernel.approve(two.data["approval"])
        task.result(timeout=10)
        assert len(paid) == 2


def test_an_approval_that_was_used_counts_for_no_further_attempt_at_the_same_call(start):
    @agent(tools=[merge])
    async def clumsy(ctx) -> str:
        await ctx.call("merge")
        if ctx.attempt == 1:
            raise ConnectionError("after the call")
        return "done"

    with start(clumsy) as kernel:
        task = kernel.submit("clumsy", attempts=2)
        one = first(kernel, "approval.requested")
        kernel.approve(one.data["approval"], by="board")
        two = first(kernel, "approval.requested", one.seq)
        assert (two.data["key"], two.data["digest"]) == (one.data["key"], one.data["digest"])
        assert two.data["approval"] != one.data["approval"]
        kernel.approve(two.data["approval"], by="board")
        assert task.result(timeout=10) == "done"


def test_an_answer_counts_once(start):
    with start() as kernel:
        task = kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        approval = kernel.approvals()[0].id
        kernel.approve(approval)
        for again in (kernel.approve, kernel.deny):
            with pytest.raises((InvalidInput, NotFound)):
                again(approval)
        task.result(timeout=10)
        with pytest.raises(NotFound, match="its run is over"):
            kernel.approve(approval)
        assert types(kernel, task.run, "approval.").count("approval.granted") == 1


def test_only_those_may_answer_whom_the_rule_names(start):
    with start() as kernel:
        task = kernel.submit("clerk", {"tool": "merge", "args": {}})
        first(kernel, "approval.requested")
        approval = kernel.approvals()[0].id
        with pytest.raises(InvalidInput, match="'operator' may not answer; board may"):
            kernel.approve(approval)
        kernel.approve(approval, by="board")
        assert task.result(timeout=10) == ["one"]


def test_nobody_answers_in_time_and_that_is_a_no(start, paid):
    clock = ManualClock()
    with start(approval=60.0, clock=clock) as kernel:
        task = kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        approval = kernel.approvals()[0].id
        clock.advance(59.0)
        assert kernel.approvals()[0].id == approval
        clock.advance(2.0)
        with pytest.raises(TaskFailed, match="nobody answered in time"):
            task.result(timeout=10)
        assert not paid
        with pytest.raises((InvalidInput, NotFound)):
            kernel.approve(approval)


def test_a_task_that_ends_takes_what_it_waited_for_along(start, paid):
    with start() as kernel:
        task = kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        approval = kernel.approvals()[0].id
        task.cancel()
        first(kernel, "run.cancelled")
        with pytest.raises((InvalidInput, NotFound)):
            kernel.approve(approval)
        assert not kernel.approvals()
        assert types(kernel, task.run, "approval.", "run.") == [
            "run.started",
            "approval.requested",
            "run.cancelled",
        ]


def test_a_task_that_waits_for_a_word_holds_no_place_that_others_need(start):
    with start() as kernel:
        kernel.spawn("other", echo)
        kernel.configure_scheduler(max_running=1)
        kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        assert kernel.submit("other", {"text": "a"}).result(timeout=10) == "a"


def test_why_names_the_approval_its_rule_and_who_may_answer(start):
    with start() as kernel:
        task = kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        approval = kernel.approvals()[0].id
        answer = kernel.why(task.id)
        assert answer.edges[0].kind == "approval"
        for word in (approval, "wire", "operator", "wire-asks"):
            assert word in answer.answer


def test_what_waits_for_a_word_waits_on_after_a_restart_and_goes_on_when_it_is_granted(start, paid):
    store = MemoryStore()
    with start(store=store) as kernel:
        task = kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        approval = kernel.approvals()[0].id
    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    with start(store=again) as kernel:
        assert [one.id for one in kernel.approvals()] == [approval]
        kernel.approve(approval)
        assert kernel.handle(task.id).result(timeout=10) == ["5 to ann"]
        assert len(paid) == 1
        assert types(kernel, task.run, "approval.") == [
            "approval.requested",
            "approval.granted",
            "approval.used",
        ]


def test_a_grant_that_the_kernel_did_not_outlive_is_used_by_the_very_call_it_was_for(start, paid):
    store = MemoryStore()
    with start(store=store) as kernel:
        kernel.submit("clerk", WIRE)
        asked = first(kernel, "approval.requested")
    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    granted = ApprovalGranted(asked.data["approval"], "operator")
    again.append([replace(asked.envelope, id="e-x-1", type=GRANTED, body=encode(granted))])
    with start(store=again) as kernel:
        assert kernel.handle(asked.task).result(timeout=10) == ["5 to ann"]
        assert types(kernel, asked.run, "approval.") == [
            "approval.requested",
            "approval.granted",
            "approval.used",
        ]


def test_an_operators_own_call_waits_too_and_is_over_with_its_kernel(start, paid, rules):
    rules.write_text(
        '@id("ask-all") @ask("operator") permit(principal, action == Action::"call", resource);'
    )
    store = MemoryStore()
    with start(store=store) as kernel, ThreadPoolExecutor(1) as pool:
        called = pool.submit(kernel.invoke, "echo.say", {"text": "a"})
        asked = first(kernel, "approval.requested")
        assert kernel.approvals()[0].principals == ("user:operator",)
        kernel.approve(asked.data["approval"])
        assert called.result(timeout=10)
        called = pool.submit(kernel.invoke, "echo.say", {"text": "a"})
        first(kernel, "approval.requested", asked.seq)
        kernel.close(drain=0.0)
        with pytest.raises(KernelClosed):
            called.result(timeout=10)
    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    with start(store=again) as kernel:
        expired = first(kernel, "approval.expired")
        assert "the kernel that it was asked of has ended" in expired.data["reason"]
        assert not kernel.approvals()


def test_a_stop_of_the_kernel_does_not_wait_for_people(start):
    with start() as kernel:
        task = kernel.submit("clerk", WIRE)
        first(kernel, "approval.requested")
        kernel.close(drain=3600.0)
        with pytest.raises(KernelClosed):
            task.result(timeout=5)
