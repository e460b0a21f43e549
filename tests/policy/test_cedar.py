"""The operator's rules: what they decide, and what is refused when they are read."""

from __future__ import annotations

import pytest

from retinue.bus.errors import ConfigError
from retinue.kernel import Config, Kernel
from retinue.kernel.calls_config import PolicyConfig
from retinue.plugins.policy import Request
from retinue.plugins.policy.cedar import CedarPolicy, load_policy

RULES = """
@id("reads") permit(principal == Agent::"writer", action == Action::"call", resource in Plugin::"files");
@id("asks") @ask("operator") @within("60")
permit(principal is Agent, action == Action::"call", resource == Tool::"shell.run");
@id("never") forbid(principal, action == Action::"call", resource) when { resource.name like "*.remove" };
@id("org") permit(principal is Plugin, action == Action::"fetch", resource in Domain::"example.org")
when { context.method == "GET" && context.port == 443 };
@id("data") permit(principal, action in [Action::"read", Action::"write"], resource in Folder::"/srv/data");
@id("both") permit(principal, action == Action::"call", resource == Tool::"shell.run")
when { context.chain.plugins.contains("helper") };
"""
OTHERS = """@id("a") permit(principal == Agent::"x", action == Action::"call", resource)
when { principal == Agent::"y" };"""
CALL = 'permit(principal, action == Action::"call", resource)'


def decided(action, resource, *principals, **context):
    found = CedarPolicy(RULES).authorise(
        Request(action, resource, principals, tuple(sorted(context.items())))
    )
    return found.effect, found.rule


@pytest.mark.parametrize(
    ("asked", "decision"),
    [
        (("call", "files.read", "agent:writer"), ("allow", "reads")),
        (("call", "files.remove", "agent:writer"), ("deny", "never")),
        (("call", "filesystem.read", "agent:writer"), ("deny", "default")),
        (("call", "files.read", "agent:critic"), ("deny", "default")),
        (("call", "shell.run", "agent:critic"), ("ask", "asks")),
        (("read", "/srv/data/a/b", "agent:critic"), ("allow", "data")),
        (("read", "/srv/database", "agent:critic"), ("deny", "default")),
        (("fetch", "api.example.org.evil.com", "plugin:news"), ("deny", "default")),
        (("fetch", "notexample.org", "plugin:news"), ("deny", "default")),
        (("call", "files.read"), ("deny", "default")),
    ],
)
def test_a_request_is_decided_by_the_rule_that_is_named(asked, decision):
    assert decided(*asked) == decision


def test_the_context_of_a_request_decides_as_well():
    get = decided("fetch", "api.example.org", "plugin:news", method="GET", port=443)
    post = decided("fetch", "api.example.org", "plugin:news", method="POST", port=443)
    assert (get, post) == (("allow", "org"), ("deny", "default"))


def test_each_principal_of_the_chain_has_to_be_permitted():
    alone = decided("call", "files.read", "agent:writer")
    through = decided("call", "files.read", "plugin:news", "agent:writer")
    assert (alone[0], through) == ("allow", ("deny", "default"))


def test_asking_wins_over_a_plain_permit_whatever_the_order():
    assert decided("call", "shell.run", "plugin:helper", "agent:critic") == ("ask", "asks")


@pytest.mark.parametrize("principal", ["nobody", "agent:", "root:x", ""])
def test_a_principal_of_no_known_kind_is_denied(principal):
    assert decided("call", "files.read", principal)[0] == "deny"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("permit(principal", ["parse error"]),
        ("", ["holds no rule"]),
        (CALL + ";", ["@id"]),
        (f'@id("a") {CALL}; @id("a") {CALL};', ["same @id"]),
        (f'@id("a") @who("b") {CALL};', ["@who is no annotation"]),
        ('@id("a") permit(principal is Robot, action, resource);', ["unrecognized entity type"]),
        ('@id("a") permit(principal, action == Action::"cal", resource);', ["unrecognized action"]),
        ('@id("a") permit(principal is Agent, action == Action::"load", resource);', ["action"]),
        (f'@id("a") {CALL} when {{ resource.size > 3 }};', ["attribute `size`"]),
        (f'@id("a") {CALL} when {{ false }};', ["can match nothing"]),
        (f'@id("a") {CALL} unless {{ true }};', ["can match nothing"]),
        (
            f'@id("a") {CALL} when {{ resource.effect == "once" && resource.effect == "none" }};',
            ["can match nothing"],
        ),
        (
            OTHERS,
            ["can match nothing"],
        ),
        (
            '@id("a") permit(principal, action == Action::"call", resource == Tool::"files.*");',
            ['Tool::"files.*" can match nothing'],
        ),
        ('@id("a") permit(principal == Plugin::"Big", action, resource);', ["can match nothing"]),
        (
            '@id("a") permit(principal, action == Action::"fetch", resource in Domain::"*.x.org");',
            ["can match nothing"],
        ),
        (
            '@id("a") permit(principal, action == Action::"read", resource in Folder::"/a/../b");',
            ["can match nothing"],
        ),
        ('@id("a") @ask permit(principal, action, resource);', ["@ask needs action"]),
        (
            '@id("a") @ask forbid(principal, action == Action::"call", resource);',
            ["a forbid is final"],
        ),
        (f'@id("a") @ask @within("soon") {CALL};', ["@within is seconds"]),
        (f'@id("a") @within("9") {CALL};', ["@within without @ask"]),
        ('@id("a") permit(principal == ?principal, action, resource);', ["template"]),
    ],
)
def test_rules_that_cannot_mean_what_they_say_are_refused_by_name(text, words):
    with pytest.raises(ConfigError) as refused:
        CedarPolicy(text)
    assert [word for word in words if word not in str(refused.value)] == []
    assert "\n" not in str(refused.value)


def test_cases_beside_the_policy_are_tried_when_it_is_loaded(tmp_path):
    policy, cases = tmp_path / "p.cedar", tmp_path / "p.cases.toml"
    policy.write_text(RULES)
    case = '[[cases]]\nname = "critics"\nprincipals = ["agent:critic"]\naction = "call"\n'
    cases.write_text(case + 'resource = "shell.run"\nexpect = "ask"\nrule = "asks"\n')
    assert len(load_policy(policy).rules) == 6
    cases.write_text(case + 'resource = "shell.run"\nexpect = "allow"\n')
    with pytest.raises(
        ConfigError, match=r"p\.cedar: case 'critics': .* allow, and is ask by asks"
    ):
        load_policy(policy)
    cases.write_text(case + 'resource = "shell.run"\nexpected = "allow"\n')
    with pytest.raises(ConfigError, match=r"p\.cases\.toml"):
        load_policy(policy)


@pytest.mark.parametrize(
    "text", [None, "permit(", '@id("a") permit(principal is Robot, action, resource);']
)
def test_a_policy_that_is_configured_and_cannot_be_loaded_stops_the_start(tmp_path, text):
    policy = tmp_path / "p.cedar"
    if text is not None:
        policy.write_text(text)
    kernel = Kernel(config=Config(policy=PolicyConfig(file=str(policy))), state_dir=tmp_path / "s")
    with pytest.raises(ConfigError, match=r"p\.cedar"):
        kernel.start()
    assert not (tmp_path / "s" / "journal.db").exists()


def test_a_decision_is_found_once_and_another_policy_has_another_version():
    policy = CedarPolicy(RULES)
    request = Request("call", "files.read", ("agent:writer",))
    assert policy.authorise(request) is policy.authorise(
        Request("call", "files.read", ("agent:writer",))
    )
    assert CedarPolicy(RULES + "// more").version != policy.version
