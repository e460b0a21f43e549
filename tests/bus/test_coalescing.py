"""Pieces of text are joined with their like, for a time, and nothing overtakes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.coalescing import Coalesced, Coalescer
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import ConfigError

RULE = "type=agent.text every=0.05"


def test_pieces_of_a_task_become_one_event_with_the_seq_and_id_of_the_last():
    coalescer = Coalescer([RULE])
    assert coalescer.add([text(1, "a"), text(2, "b")], 10.0) == []
    assert coalescer.add([text(3, "c")], 10.02) == []
    (event,) = coalescer.add([], 10.05)
    assert isinstance(event, Coalesced)
    assert (event.seq, event.id, event.count) == (3, "e-3", 3)
    assert event.data == {"type": "agent.text", "delta": "abc"}


def test_a_piece_that_stays_alone_goes_out_as_it_is():
    coalescer = Coalescer([RULE])
    piece = text(1, "a")
    coalescer.add([piece], 0.0)
    assert coalescer.flush() == [piece]


def test_the_time_runs_from_the_first_piece():
    coalescer = Coalescer([RULE])
    assert coalescer.wait(0.0) is None
    coalescer.add([text(1, "a")], 10.0)
    assert coalescer.wait(10.0) == pytest.approx(0.05)
    coalescer.add([text(2, "b")], 10.04)
    assert coalescer.wait(10.04) == pytest.approx(0.01)
    assert coalescer.wait(11.0) == 0.0


def test_any_other_event_goes_after_what_is_held():
    coalescer = Coalescer([RULE])
    out = coalescer.add([text(1, "a"), text(2, "b", "t-2"), text(3, "c"), called(4)], 0.0)
    assert [(e.seq, e.data.get("delta")) for e in out] == [(2, "b"), (3, "ac"), (4, None)]
    assert coalescer.held == 0


def test_what_no_rule_matches_is_not_held():
    coalescer = Coalescer(["type=agent.text agent=chatty every=1"])
    assert [e.seq for e in coalescer.add([text(1, "a")], 0.0)] == [1]
    assert coalescer.add([text(2, "b", agent="chatty")], 0.0) == []


def test_only_text_can_be_joined_whatever_a_rule_says():
    coalescer = Coalescer(["* every=1"])
    assert [e.seq for e in coalescer.add([called(1)], 0.0)] == [1]


def test_the_first_rule_that_matches_gives_the_time():
    coalescer = Coalescer(["agent=quick every=0.01", "* every=5"])
    coalescer.add([text(1, "a", agent="slow")], 0.0)
    assert coalescer.wait(0.0) == 5.0
    coalescer.add([text(2, "a", agent="quick")], 0.0)
    assert coalescer.wait(0.0) == 0.01


def test_a_joined_text_is_bounded():
    coalescer = Coalescer(["* every=60"])
    out = coalescer.add([text(n, "x" * 1_000) for n in range(1, 100)], 0.0)
    assert out
    assert all(len(event.envelope.body) < 40_000 for event in out)
    assert coalescer.size < 40_000


def test_without_rules_events_pass():
    events = [text(1, "a"), called(2)]
    assert Coalescer().add(events, 0.0) is events
    assert Coalescer().idle


@pytest.mark.parametrize(
    "rule", ["agent.text", "every=0", "every=-1", "every=61", "every=x", "every=nan", "a=b every=1"]
)
def test_a_malformed_rule_is_refused(rule):
    with pytest.raises(ConfigError, match="rule"):
        Coalescer([rule])


@given(
    st.lists(st.tuples(st.sampled_from("ab-"), st.integers(0, 40)), max_size=40),
    st.sampled_from(["* every=0.05", "agent=a every=0.02"]),
)
def test_no_text_is_lost_or_moved_and_numbers_only_grow(steps, rule):
    coalescer = Coalescer([rule])
    now, out, expected = 0.0, [], {"a": "", "b": ""}
    for seq, (task, milliseconds) in enumerate(steps, 1):
        now += milliseconds / 1000
        event = called(seq) if task == "-" else text(seq, f"{seq} ", task, task)
        if task != "-":
            expected[task] += f"{seq} "
        out += coalescer.add([event], now)
        wait = coalescer.wait(now)
        assert wait is None or 0.0 < wait < 0.0501
    out += coalescer.flush()
    seqs = [event.seq for event in out]
    assert seqs == sorted(set(seqs))
    assert sum(event.count if isinstance(event, Coalesced) else 1 for event in out) == len(steps)
    for task, whole in expected.items():
        assert "".join(e.data["delta"] for e in out if e.task == task) == whole
    calls = [seq for seq, (task, _) in enumerate(steps, 1) if task == "-"]
    assert [event.seq for event in out if event.type == "tool.called"] == calls


def text(seq, delta, task="t-1", agent="a"):
    body = json.dumps({"type": "agent.text", "delta": delta}).encode()
    return Event(seq, Envelope(f"e-{seq}", "agent.text", 0.0, body, "r-1", task, agent))


def called(seq):
    return Event(seq, Envelope(f"e-{seq}", "tool.called", 0.0, b"{}", "r-1", "t-1", "a"))
