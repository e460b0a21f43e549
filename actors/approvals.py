"""Calls that wait for somebody's word: what is known of each, and what may become of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.views import ApprovalView

__all__ = ["Approval", "Approvals", "approval_view", "request_digest"]

State = Literal["requested", "granted", "denied", "expired", "used"]
OPEN = ("requested", "granted")
MOST_CLOSED = 1_000
"""Closed ones that are remembered, besides those of open runs."""


class Approval(msgspec.Struct, frozen=True, gc=False):
    """One request for a word. ``key`` is the call's place in its run, ``digest`` the very request.

    ``args`` is JSON without secrets; times are seconds since the epoch.
    """

    id: str
    run: str
    task: str
    agent: str
    action: str
    resource: str
    principals: tuple[str, ...]
    rule: str
    who: tuple[str, ...]
    requested: float
    expires: float
    digest: str
    key: str
    args: bytes = b"null"
    state: State = "requested"
    by: str = ""
    reason: str = ""
    decided: float | None = None
    trace: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still lead to a call."""
        return self.state in OPEN

    def check_answer(self, by: str, now: float) -> None:
        """Raise ``InvalidInput`` unless ``by`` may answer, and nobody has."""
        if not self.open or self.state != "requested" or now >= self.expires:
            raise InvalidInput(
                f"approval {self.id} is {self.told(now)}: an answer counts once, and in time"
            )
        if by not in self.who:
            raise InvalidInput(
                f"approval {self.id}: {by!r} may not answer; {' or '.join(self.who)} may"
            )

    def is_usable(self, digest: str, now: float) -> bool:
        """Whether a call with that digest may go on now, because of this one."""
        return self.state == "granted" and self.digest == digest and now < self.expires

    def told(self, now: float) -> str:
        """What became of it, in words."""
        if self.open and now >= self.expires:
            return "expired"
        by = f" by {self.by}" if self.by else ""
        return f"{self.state}{by}"


class Approvals:
    """By id; one thread writes, any may read. Those of a run go with it."""

    def __init__(self, known: Iterable[Approval] = ()) -> None:
        """``known`` is what another table held."""
        self._by_id: dict[str, Approval] = {}
        self._open: dict[tuple[str, str], str] = {}
        self._no: dict[tuple[str, str], str] = {}
        for approval in known:
            self.put(approval)

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def any(self) -> bool:
        """Whether any is known, open or not."""
        return bool(self._by_id)

    def all(self) -> list[Approval]:
        """Every one that is known, oldest first."""
        return list(self._by_id.values())

    def open(self) -> list[Approval]:
        """Those that may still lead to a call."""
        return [self._by_id[one] for one in list(self._open.values())]

    def find(self, id: str) -> Approval:
        """One; raises ``NotFound``."""
        try:
            return self._by_id[id]
        except KeyError:
            raise NotFound(
                f"no approval {id!r} waits: it was never there, or its run is over; "
                "see `retinue approvals list`"
            ) from None

    def waiting(self, run: str, key: str, digest: str) -> Approval | None:
        """The open one for this very call of a run, which an earlier attempt asked for."""
        found = self._open.get((run, key))
        approval = None if found is None else self._by_id[found]
        return approval if approval is not None and approval.digest == digest else None

    def refused(self, run: str, digest: str) -> Approval | None:
        """The denial of the same request in the same run: nobody is asked twice."""
        found = self._no.get((run, digest)) if run else None
        return None if found is None else self._by_id.get(found)

    def put(self, approval: Approval) -> None:
        """Take one in, new or changed."""
        self._by_id[approval.id] = approval
        place = approval.run, approval.key
        if approval.open:
            self._open[place] = approval.id
        elif self._open.get(place) == approval.id:
            del self._open[place]
        if approval.state == "denied" and approval.run:
            self._no[approval.run, approval.digest] = approval.id
        if not approval.open and not approval.run:
            self._bound()

    def settle(self, id: str, state: State, at: float, by: str = "", reason: str = "") -> None:
        """It was answered, used, or is over; nothing for one that is not known."""
        known = self._by_id.get(id)
        if known is not None:
            self.put(
                msgspec.structs.replace(
                    known,
                    state=state,
                    by=by or known.by,
                    reason=reason or known.reason,
                    decided=at,
                )
            )

    def void(self, task: str, at: float) -> list[Approval]:
        """The task ended: what it waited for is over. Those that were open."""
        found = [approval for approval in self.open() if approval.task == task]
        for approval in found:
            self.settle(approval.id, "expired", at, reason="its task ended")
        return found

    def forget(self, run: str) -> None:
        """The run is over."""
        for approval in [one for one in self.all() if one.run == run]:
            del self._by_id[approval.id]
            self._open.pop((run, approval.key), None)
            self._no.pop((run, approval.digest), None)

    def _bound(self) -> None:
        closed = [one.id for one in self.all() if not one.open and not one.run]
        for one in closed[:-MOST_CLOSED]:
            del self._by_id[one]


def request_digest(action: str, resource: str, principals: Sequence[str], args: bytes) -> str:
    """What an approval is bound to: SHA-256, in hex, of all that was asked."""
    asked = msgspec.json.encode((action, resource, list(principals)))
    return hashlib.sha256(asked + b"\0" + args).hexdigest()


def approval_view(approval: Approval, now: float) -> ApprovalView:
    """What others may see of it."""
    late = approval.open and now >= approval.expires
    return ApprovalView(
        approval.id,
        "expired" if late else approval.state,
        approval.action,
        approval.resource,
        approval.principals,
        approval.rule,
        approval.who,
        approval.requested,
        approval.expires,
        msgspec.json.decode(approval.args),
        approval.run,
        approval.task,
        approval.agent,
        approval.by,
        approval.reason,
        approval.decided,
    )
