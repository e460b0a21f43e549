"""``retinue policy``: rules are checked, asked and tried on what happened, with no daemon."""

from __future__ import annotations

import json

import pytest

from retinue.kernel import Kernel

from ..faults.daemons import retinue
from .conftest import RULES, clerk

STRICT = '@id("nothing-counts") forbid(principal, action, resource == Tool::"count");'


@pytest.fixture
def folder(tmp_path):
    """A state folder in which an agent has called a tool."""
    with Kernel(state_dir=tmp_path / "state") as kernel:
        kernel.spawn("clerk", clerk)
        kernel.submit("clerk", {"tool": "count", "args": {"words": "a b"}}).result(timeout=10)
    return tmp_path / "state"


def test_check_says_what_is_well_and_refuses_in_one_line_what_is_not(tmp_path, folder):
    policy = tmp_path / "p.cedar"
    policy.write_text(RULES)
    done = retinue(folder, "policy", "check", str(policy), "--json")
    assert json.loads(done.stdout)["rules"] == 6, done.stderr
    policy.write_text("permit(principal, action, resource);")
    done = retinue(folder, "policy", "check", str(policy))
    assert done.returncode == 78, done.stderr
    assert done.stderr.count("\n") == 1
    assert "@id" in done.stderr


def test_explain_names_the_rule_and_who_may_answer(tmp_path, folder):
    policy = tmp_path / "p.cedar"
    policy.write_text(RULES)
    asked = ("policy", "explain", str(policy), "--principal", "agent:clerk", "--json", "--resource")
    said = json.loads(retinue(folder, *asked, "merge").stdout)
    assert (said["effect"], said["rule"], said["who"]) == ("ask", "board-asks", ["board"])
    said = json.loads(retinue(folder, *asked, "burn").stdout)
    assert (said["effect"], said["rule"]) == ("deny", "nobody-burns")
    wrong = retinue(folder, *asked, "burn", "--action", "brn")
    assert wrong.returncode == 64 or wrong.returncode == 65, wrong.stderr


def test_simulate_lists_the_calls_that_the_rules_would_have_denied(tmp_path, folder):
    policy = tmp_path / "p.cedar"
    policy.write_text(RULES)
    done = retinue(folder, "policy", "simulate", str(policy))
    assert "all 1 calls would be allowed" in done.stdout + done.stderr
    policy.write_text(STRICT)
    done = retinue(folder, "policy", "simulate", str(policy), "--json")
    (one,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (one["resource"], one["effect"], one["rule"]) == ("count", "deny", "nothing-counts")
