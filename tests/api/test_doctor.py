"""How the kernel's process and its host are, and which rules hold, over the API."""

from __future__ import annotations

import os

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import InvalidInput, NotFound
from retinue.kernel import Config, Kernel
from retinue.kernel.api.doctor import Doctor
from retinue.kernel.api.router import Call
from retinue.kernel.calls_config import PolicyConfig
from retinue.kernel.findings import Finding

from .conftest import serving

RULES = """
@id("the-operator-may") permit(principal is User, action, resource);
@id("mail-is-asked-for") @ask("operator, finance") @within("60")
permit(principal is Agent, action == Action::"call", resource == Tool::"mail");
@id("never-once") forbid(principal is Agent, action == Action::"call", resource)
when { resource.effect == "once" };
"""


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    """A served kernel with the rules above."""
    folder = tmp_path_factory.mktemp("ruled")
    (folder / "policy.cedar").write_text(RULES)
    config = Config(policy=PolicyConfig(file=str(folder / "policy.cedar")))
    with serving(folder, config=config) as served:
        yield served.client


def test_the_doctor_tells_what_the_command_does(standing):
    told = standing.client.get("/v1/doctor", dict, wait=20)
    found = {one["check"]: one["state"] for one in told["findings"]}
    assert {"python", "redis", "journal", "plugins", "seccomp"} <= set(found)
    assert set(found.values()) <= {"ok", "note", "fail"}


def test_what_the_doctor_found_is_told_again_for_half_a_minute():
    looks = []
    clock = ManualClock()

    def check(_: Call) -> list[Finding]:
        looks.append(clock.time())
        return [Finding("python", "ok", "here")]

    doctor, call = Doctor(check), Call(Kernel(clock=clock), {}, None, None)
    first = doctor.diagnose(call)
    clock.advance(29)
    assert doctor.diagnose(call) is first
    clock.advance(2)
    assert doctor.diagnose(call).at > first.at
    assert len(looks) == 2


def test_the_process_tells_what_it_takes(standing):
    told = standing.client.get("/v1/process", dict)
    assert told["pid"] == os.getpid()
    assert told["memory"] > 10_000_000
    assert told["threads"] > 1


def test_the_rules_that_hold_are_told_by_name(ruled):
    told = ruled.get("/v1/policy", dict)
    assert told["state"] == "on"
    assert told["version"]
    assert [(rule["name"], rule["effect"]) for rule in told["rules"]] == [
        ("the-operator-may", "permit"),
        ("mail-is-asked-for", "permit"),
        ("never-once", "forbid"),
    ]
    assert told["rules"][1]["who"] == ["operator", "finance"]
    assert told["rules"][1]["seconds"] == 60


def test_a_kernel_without_rules_says_so(standing):
    told = standing.client.get("/v1/policy", dict)
    assert (told["state"], told["rules"]) == ("off", [])
    with pytest.raises(NotFound, match=r"policy\.file"):
        standing.client.post(
            "/v1/policy/explain", dict, {"resource": "x", "principals": ["agent:a"]}
        )


@pytest.mark.parametrize(
    ("asked", "effect", "rule"),
    [
        (("mail", "agent:a", "none"), "ask", "mail-is-asked-for"),
        (("mail", "user:operator", "once"), "allow", "the-operator-may"),
        (("other", "agent:a", "none"), "deny", "default"),
        (("mail", "agent:a", "once"), "deny", "never-once"),
    ],
)
def test_the_rules_say_what_they_would_decide(ruled, asked, effect, rule):
    resource, principal, effect_of = asked
    context = {"effect": effect_of}
    question = {"resource": resource, "principals": [principal], "context": context}
    told = ruled.post("/v1/policy/explain", dict, question)
    assert (told["effect"], told["rule"]) == (effect, rule)


@pytest.mark.parametrize("principal", ["a", "agent:", "group:a", "agent:a\n"])
def test_a_principal_of_no_known_kind_is_refused(ruled, principal):
    with pytest.raises(InvalidInput, match="principals"):
        ruled.post("/v1/policy/explain", dict, {"resource": "x", "principals": [principal]})
