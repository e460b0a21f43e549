"""The Approver: owns the calls that wait for somebody's word, and lets each go on once, or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import Denied, InvalidInput, KernelClosed, RetinueError
from retinue.bus.messages import (
    ApprovalDenied,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRequested,
    ApprovalUsed,
    DenyApproval,
    EventBody,
    GrantApproval,
)

from .approval_desk import Desk, GoOn, Over, RequestApproval, UseApproval, denied, settle
from .approvals import Approval, approval_view
from .base import KernelActor
from .runtime import ActorRef, Future
from .runtime.future import VALUE
from .scribe import Scribe

__all__ = ["Approver"]

MOST_OPEN = 10_000


class _Due(msgspec.Struct, frozen=True):
    approval: str


class Approver(KernelActor):
    """A light actor. Each answer is an event first; the call goes on after that.

    It shares the Orchestrator's thread: a task that has not ended when an answer comes has not ended
    when the answer's event is handed to the journal.
    """

    handles: ClassVar = {
        RequestApproval: "_request",
        UseApproval: "_use",
        "GrantApproval": "_grant",
        "DenyApproval": "_deny",
        GoOn: "_go_on",
        _Due: "_due",
        Over: "_over",
    }

    def __init__(
        self,
        scribe: Scribe,
        desk: Desk,
        is_wanted: Callable[[str], bool],
        after: Callable[[float, ActorRef[Any], Any], Any],
    ) -> None:
        """``is_wanted`` tells whether a task goes on; ``after`` starts a timer."""
        super().__init__()
        self._scribe = scribe
        self._clock = scribe.clock
        self._desk = desk
        self._table = desk.table
        self._is_wanted = is_wanted
        self._after = after
        self._timers: dict[str, Any] = {}

    def on_start(self) -> None:
        """After a failure: the timers that were told of the old instance count no more."""
        if self._desk.begun:
            self._arm()

    def on_stop(self) -> None:
        """Whoever still waits is told; what waits in the journal waits for the next start."""
        for timer in self._timers.values():
            timer.cancel()
        for approval in list(self._desk.waiting):
            for one in self._desk.waiting.pop(approval):
                one.fail(KernelClosed("the kernel was closed while a call waited for approval"))

    def _go_on(self, _: GoOn) -> None:
        """What an operator's own call waited for is over: whoever made it is gone."""
        self._desk.begun = True
        for approval in self._table.open():
            if not approval.task and approval.id not in self._desk.waiting:
                self._expire(approval, "the kernel that it was asked of has ended")
        self._arm()

    def _arm(self) -> None:
        for approval in self._table.open():
            self._timer(approval)

    def _request(self, asked: RequestApproval) -> Future[str]:
        reply: Future[str] = self.defer()
        refusal = self._refusal(asked)
        if refusal is not None:
            reply.fail(refusal)
            return reply
        now = self._clock.time()
        known = self._table.waiting(asked.run, asked.key, asked.digest)
        if known is not None and now < known.expires:
            if known.state == "granted":
                reply.settle(VALUE, known.id)
            else:
                self._desk.waiting.setdefault(known.id, []).append(reply)
            return reply
        if known is not None:
            self._expire(known, _LATE)
        approval = self._opened(asked, now)
        self._desk.waiting[approval.id] = [reply]
        return reply

    def _refusal(self, asked: RequestApproval) -> Denied | None:
        if asked.task and not self._is_wanted(asked.task):
            return Denied(asked.rule, asked.resource, f"{asked.task} has ended: nothing is asked")
        if len(self._table) >= MOST_OPEN:
            return Denied(
                asked.rule, asked.resource, f"{MOST_OPEN:,} approvals wait: answer some of them"
            )
        known = self._table.refused(asked.run, asked.digest)
        return None if known is None else denied(known)

    def _opened(self, asked: RequestApproval, now: float) -> Approval:
        approval = Approval(
            self._scribe.ids.make("a"),
            asked.run,
            asked.task,
            asked.agent,
            asked.action,
            asked.resource,
            asked.principals,
            asked.rule,
            asked.who,
            now,
            now + asked.seconds,
            asked.digest,
            asked.key,
            asked.args,
            trace=asked.trace,
        )
        self._table.put(approval)
        requested = ApprovalRequested(
            approval.id,
            approval.action,
            approval.resource,
            approval.principals,
            approval.rule,
            approval.who,
            approval.expires,
            approval.digest,
            approval.key,
            msgspec.Raw(approval.args),
        )
        self._append(approval, requested)
        self._timer(approval)
        return approval

    def _grant(self, envelope: Envelope) -> Future[Any]:
        body = decode(envelope.body, GrantApproval)
        granted = ApprovalGranted(body.approval, body.by, body.reason)
        return self._answer(body, granted, envelope.id)

    def _deny(self, envelope: Envelope) -> Future[Any]:
        body = decode(envelope.body, DenyApproval)
        denied = ApprovalDenied(body.approval, body.by, body.reason)
        return self._answer(body, denied, envelope.id)

    def _answer(
        self,
        body: GrantApproval | DenyApproval,
        event: ApprovalGranted | ApprovalDenied,
        cause: str,
    ) -> Future[Any]:
        """One answer counts: a second one, a late one and a stranger's are refused, and change nothing."""
        reply = self.defer()
        now = self._clock.time()
        try:
            approval = self._table.find(body.approval)
            approval.check_answer(body.by, now)
            if not self._matters(approval):
                raise InvalidInput(f"approval {approval.id}: task {approval.task} has ended")
        except RetinueError as refusal:
            reply.fail(refusal)
            return reply
        state: Any = "granted" if isinstance(event, ApprovalGranted) else "denied"
        if state == "denied":
            self._untimed(approval.id)
        self._table.settle(approval.id, state, now, body.by, body.reason)
        answered = self._table.find(approval.id)
        waiting = self._desk.waiting.pop(approval.id, [])

        def then(_: Sequence[Event]) -> None:
            for one in waiting:
                settle(one, answered)
            reply.settle(VALUE, approval_view(answered, now))

        self._append(approval, event, cause, then)
        return reply

    def _matters(self, approval: Approval) -> bool:
        return not approval.task or self._is_wanted(approval.task)

    def _use(self, use: UseApproval) -> Future[str]:
        reply: Future[str] = self.defer()
        now = self._clock.time()
        try:
            approval = self._table.find(use.approval)
            if not self._matters(approval) or not approval.is_usable(use.digest, now):
                raise Denied(
                    approval.rule,
                    approval.resource,
                    f"approval {approval.id} is {approval.told(now)}, and counts for one call alone",
                )
        except RetinueError as refusal:
            reply.fail(refusal)
            return reply
        self._untimed(approval.id)
        self._table.settle(approval.id, "used", now)

        def then(_: Sequence[Event]) -> None:
            reply.settle(VALUE, approval.id)

        self._append(approval, ApprovalUsed(approval.id), then=then)
        return reply

    def _due(self, due: _Due) -> None:
        self._timers.pop(due.approval, None)
        approval = next((one for one in self._table.open() if one.id == due.approval), None)
        if approval is None:
            return
        if self._clock.time() < approval.expires:
            self._timer(approval)  # the wall clock was set back
        else:
            self._expire(approval, _LATE)

    def _expire(self, approval: Approval, reason: str) -> None:
        self._untimed(approval.id)
        self._table.settle(approval.id, "expired", self._clock.time(), reason=reason)
        expired = self._table.find(approval.id)
        waiting = self._desk.waiting.pop(approval.id, [])

        def then(_: Sequence[Event]) -> None:
            for one in waiting:
                settle(one, expired)

        if not self._matters(approval):
            then(())  # nothing follows the end of a task, and nobody waits
        else:
            self._append(approval, ApprovalExpired(approval.id, reason), then=then)

    def _over(self, over: Over) -> None:
        for task in over.tasks:
            for approval in self._table.void(task, self._clock.time()):
                self._untimed(approval.id)
                for one in self._desk.waiting.pop(approval.id, []):
                    settle(one, self._table.find(approval.id))
        for run in over.runs:
            self._table.forget(run)

    def _timer(self, approval: Approval) -> None:
        seconds = max(0.0, approval.expires - self._clock.time())
        self._timers[approval.id] = self._after(seconds, self.actor_ref, _Due(approval.id))

    def _untimed(self, approval: str) -> None:
        timer = self._timers.pop(approval, None)
        if timer is not None:
            timer.cancel()

    def _append(
        self,
        of: Approval,
        body: EventBody,
        cause: str = "",
        then: Callable[[Sequence[Event]], None] | None = None,
    ) -> None:
        event = self._scribe.write(body, of.run, of.task, of.agent, cause, of.trace)
        self._scribe.append((event,), then)


_LATE = "nobody answered in time"
