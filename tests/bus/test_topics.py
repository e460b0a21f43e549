"""Where observers listen, and what is mirrored to them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.envelope import Envelope
from retinue.bus.errors import ConfigError
from retinue.bus.topics import Rule, Selection, channel, check_kernel_name, journal_key, stream

TYPES = ("tool.called", "tool.returned", "agent.text", "kernel.started")
_globs = st.sampled_from(["*", "tool.*", "*.called", "agent.text", "r-?", "[!l]*", "lib*", ""])
_rules = st.lists(st.builds(Rule, _globs, _globs, _globs), max_size=4)


def test_channels_and_keys_carry_the_kernels_name_in_literal_braces():
    assert channel("main", "r-1", "tool.called") == "retinue:{main}:events:r-1:tool.called"
    assert channel("main", "", "kernel.started") == "retinue:{main}:events:-:kernel.started"
    assert stream("main") == "retinue:{main}:log"
    assert journal_key("main") == "retinue:{main}:journal"


@pytest.mark.parametrize("name", ["main", "0", "team-2.test_x"])
def test_a_good_kernel_name_is_given_back(name):
    assert check_kernel_name(name) == name


@pytest.mark.parametrize("name", ["", "Main", ".a", "-a", "a b", "a:b", "a}", "ä", "a\n", "a*"])
def test_a_kernel_name_that_could_break_a_channel_is_refused(name):
    with pytest.raises(ConfigError, match="use lower-case letters"):
        check_kernel_name(name)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("*", Rule()),
        ("tool.*", Rule("tool.*")),
        ("type=tool.* run=r-1", Rule("tool.*", "r-1")),
        ("agent=lib* agent.*", Rule("agent.*", "*", "lib*")),
    ],
)
def test_a_rule_is_read_from_text(text, rule):
    assert Rule.parse(text) == rule


@pytest.mark.parametrize("text", ["", "  ", "task=t-1", "type=", "a.* b.*", "run=r-1 run=r-2"])
def test_a_malformed_rule_is_refused_with_its_form(text):
    with pytest.raises(ConfigError, match=r"type=GLOB|write '\*'"):
        Rule.parse(text)


def test_by_default_everything_is_mirrored():
    selection = Selection()
    assert selection.everything
    assert selection.matches(_event("agent.text", "", ""))


def test_exclusion_wins_over_inclusion():
    selection = Selection(include=["agent.*"], exclude=["agent.text agent=chatty"])
    assert selection.matches(_event("agent.text", "r-1", "quiet"))
    assert not selection.matches(_event("agent.text", "r-1", "chatty"))
    assert selection.matches(_event("agent.thought", "r-1", "chatty"))
    assert not selection.matches(_event("tool.called", "r-1", "quiet"))


def test_a_sample_is_a_part_of_what_its_rule_matches_and_all_of_the_rest():
    selection = Selection(sample=["type=agent.text rate=0.1"])
    kept = [n for n in range(10_000) if selection.matches(_event("agent.text", "r", "a", f"e-{n}"))]
    assert 800 < len(kept) < 1_200
    assert all(selection.matches(_event("tool.called", "r", "a", f"e-{n}")) for n in range(100))
    assert not selection.everything


def test_what_is_in_a_sample_depends_on_the_id_alone_as_anyone_can_compute():
    once, again = (Selection(["agent.*"], sample=["agent=a rate=0.3"]) for _ in range(2))
    for n in range(300):
        event = _event("agent.text", f"r-{n}", "a", f"e-{n}")
        assert once.matches(event) == again.matches(event) == (crc32(b"e-%d" % n) < 0.3 * 2**32)


def test_of_several_sampling_rules_the_first_that_matches_counts():
    selection = Selection(sample=["agent=loud rate=0", "type=agent.* rate=1", "* rate=0"])
    assert not selection.matches(_event("agent.text", "r", "loud"))
    assert selection.matches(_event("agent.text", "r", "a"))
    assert not selection.matches(_event("tool.called", "r", "a"))


def test_a_sampling_rule_lets_nothing_in_that_is_left_out():
    selection = Selection(["tool.*"], ["tool.returned"], ["* rate=1"])
    assert [t for t in TYPES if selection.matches(_event(t, "r", "a"))] == ["tool.called"]


@pytest.mark.parametrize(
    "text",
    ["rate=2", "rate=-0.1", "rate=nan", "rate=x", "agent.text", "rate=0.1 rate=0.2", "a b rate=1"],
)
def test_a_malformed_sampling_rule_is_refused(text):
    with pytest.raises(ConfigError, match="rule"):
        Selection(sample=[text])


def test_without_a_rule_of_inclusion_nothing_is_mirrored():
    assert not Selection(include=()).matches(_event("tool.called", "r-1", "a"))


@given(
    _rules,
    _rules,
    st.sampled_from(TYPES),
    st.sampled_from(["", "r-1"]),
    st.sampled_from(["", "lib"]),
)
def test_what_is_remembered_by_type_decides_as_the_rules_do(include, exclude, type, run, agent):
    selection = Selection(include, exclude)
    event = _event(type, run, agent)
    expected = _passes(include, event) and not _passes(exclude, event)
    assert [selection.matches(event) for _ in range(2)] == [expected] * 2
    assert expected or not selection.everything


def _passes(rules, event):
    return any(
        fnmatchcase(event.type, rule.type)
        and fnmatchcase(event.run, rule.run)
        and fnmatchcase(event.agent, rule.agent)
        for rule in rules
    )


def _event(type, run, agent, id="e-1"):
    return Envelope(id, type, 0.0, b"{}", run, "", agent)
