"""What waits for somebody's word outlives snapshots, checkpoints and what they let go."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from retinue.actors.condensed import Condensed
from retinue.actors.effects import Effects
from retinue.actors.fold import Folded, fold
from retinue.actors.restoring import restored
from retinue.actors.snapshot import freeze, thaw
from retinue.actors.task_table import TaskTable
from retinue.bus.codec import encode
from retinue.bus.errors import NotFound
from retinue.bus.journal import MemoryStore
from retinue.bus.journal.checkpoints import Checkpoint
from retinue.bus.messages import ApprovalGranted

from .conftest import first

WIRE = {"tool": "wire", "args": {"amount": 5, "to": "ann"}}


@pytest.fixture
def waits(start):
    """The events of a kernel that ended while a call waited, and one more: the grant."""
    store = MemoryStore()
    with start(store=store) as kernel:
        done = kernel.submit("clerk", WIRE)
        one = first(kernel, "approval.requested")
        kernel.approve(one.data["approval"])
        done.result(timeout=10)
        kernel.submit("clerk", WIRE)
        asked = first(kernel, "approval.requested", one.seq)
    granted = ApprovalGranted(asked.data["approval"], "operator")
    envelope = replace(asked.envelope, id="e-x-1", type="approval.granted", body=encode(granted))
    again = MemoryStore()
    again.append([*(event.envelope for event in store.read()), envelope])
    return list(again.read()), one.data["approval"], asked


def folded_of(events) -> Folded:
    folded = Folded(TaskTable(), Effects())
    for event in events:
        fold(folded, event)
    return folded


def test_what_waits_is_folded_and_what_is_over_goes_with_its_run(waits):
    events, over, asked = waits
    table = folded_of(events).approvals
    (approval,) = table.all()
    assert (approval.id, approval.state, approval.by) == (
        asked.data["approval"],
        "granted",
        "operator",
    )
    assert table.waiting(asked.run, asked.data["key"], asked.data["digest"]) == approval
    with pytest.raises(NotFound):
        table.find(over)


def test_a_snapshot_holds_what_waits(waits):
    folded = folded_of(waits[0])
    again = thaw(freeze(folded), 100)
    assert again.approvals.all() == folded.approvals.all()
    assert len(again.approvals) == 1


def test_a_checkpoint_holds_what_waits_and_not_what_is_over(waits):
    events, over, _ = waits
    condensed = Condensed()
    for event in events:
        condensed.take(event)
    kept = condensed.events()
    until = events[-1].seq
    folded = restored(Checkpoint(until, kept, condensed.counts(), 0), 100)
    assert folded.approvals.all() == folded_of(events).approvals.all()
    assert len(kept) < len(events)
    assert not any(over in str(event.data) for event in kept)
