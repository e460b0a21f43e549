"""A real daemon, killed with SIGKILL while a call waits for somebody's word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.messages import TERMINAL_RUN
from retinue.bus.views import ApprovalView

from ..faults.daemons import Daemon, retinue

WIRES = Path(__file__).with_name("wires.py")
RULES = """
@id("wires-ask") @ask("operator") permit(principal, action == Action::"call", resource);
@id("operator-submits") permit(principal is User, action == Action::"submit", resource);
"""


class Bank:
    """A folder with a policy, and the daemons that live and die on it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.state, self.ledger = folder / "state", folder / "ledger"
        self.policy = folder / "policy.cedar"
        self.policy.write_text(RULES)
        self.daemon = self._start()
        self.daemon.spawn("payer", "payer", WIRES)

    def restarted(self) -> None:
        """SIGKILL, and a new daemon on the same folder."""
        self.daemon.kill()
        self.daemon = self._start()

    def waiting(self) -> ApprovalView:
        """The one approval that waits, when it is there."""
        for event in self.daemon.events(follow=True, type="approval.requested"):
            assert event.type == "approval.requested"
            break
        (found,) = self.daemon.client.get("/v1/approvals", list[ApprovalView], {"state": "open"})
        return found

    def paid(self) -> list[str]:
        """What the tool did."""
        return self.ledger.read_text().split() if self.ledger.exists() else []

    def _start(self) -> Daemon:
        policy = {"RETINUE_POLICY_FILE": str(self.policy), "WIRES_LEDGER": str(self.ledger)}
        return Daemon(self.state, **policy).ready()


@pytest.fixture
def bank(tmp_path):
    """A bank; its last daemon is killed."""
    made = Bank(tmp_path / "bank")
    yield made
    made.daemon.kill()


def test_a_call_that_waits_survives_kill_9_and_goes_on_once_when_it_is_granted(bank):
    task = bank.daemon.submit("payer", amount=7)
    before = bank.waiting()
    bank.restarted()
    after = bank.waiting()
    assert (after.id, after.expires, after.state) == (before.id, before.expires, "requested")
    listed = retinue(bank.state, "approvals", "list", "--json")
    assert json.loads(listed.stdout)["id"] == before.id
    said = retinue(bank.state, "why", task.id)
    assert before.id in said.stdout
    assert "operator may answer" in said.stdout
    granted = retinue(bank.state, "approvals", "grant", before.id, "--reason", "right")
    assert granted.returncode == 0, granted.stderr
    assert bank.daemon.wait(task.id).result == 7
    assert bank.paid() == ["7"]
    for word in ("grant", "deny"):  # replayed
        with pytest.raises((NotFound, InvalidInput)):
            bank.daemon.client.post(f"/v1/approvals/{before.id}/{word}", ApprovalView)
    bank.restarted()
    assert bank.paid() == ["7"]
    types = [event.type for event in bank.daemon.events(run=task.run)]
    assert [one for one in types if one.startswith("approval.")] == [
        "approval.requested",
        "approval.granted",
        "approval.used",
    ]
    for command in ("verify", "audit"):
        done = retinue(bank.state, command)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("seen", ["approval.granted", "approval.used", "tool.called"])
def test_what_was_granted_pays_at_most_once_whatever_the_kernel_did_last(bank, seen):
    """The kill comes right behind an event: what is done after it is done, or not."""
    task = bank.daemon.submit("payer", amount=3)
    bank.daemon.client.post(f"/v1/approvals/{bank.waiting().id}/grant", ApprovalView)
    next(bank.daemon.events(follow=True, task=task.id, type=seen))
    bank.restarted()
    asked = 0
    for event in bank.daemon.events(follow=True, run=task.run):
        asked += event.type == "approval.requested"
        if event.type in TERMINAL_RUN or asked == 2:  # the use was kept, and the call was not
            break
    assert len(bank.paid()) <= 1
