"""Circuit breakers: they open after so many failures, and close after trials that do well."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.actors.pipeline.breakers import Breaker, BreakerRule, admitted, ended

rules = st.builds(
    BreakerRule,
    failures=st.integers(1, 5),
    window=st.floats(0.1, 100.0),
    pause=st.floats(0.1, 100.0),
    trials=st.integers(1, 4),
)
busy = st.builds(
    BreakerRule,
    failures=st.integers(1, 2),
    window=st.just(60.0),
    pause=st.just(1.0),
    trials=st.integers(1, 3),
)
moves = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 2.0]),
        st.sampled_from(["call", "call", "ok", "failed", "failed", "neutral"]),
        st.integers(0, 10),
    ),
    min_size=20,
    max_size=120,
)


@settings(max_examples=300)
@given(busy, moves)
def test_whatever_comes_back_in_whatever_order_no_more_trials_run_than_the_rule_allows(rule, moves):
    now, breaker, running = 0.0, Breaker(), []
    for gap, move, which in moves:
        now += gap
        if move == "call":
            before = breaker
            breaker, goes = admitted(rule, breaker, now)
            assert goes or before.state(now) != "closed"
            assert not (goes and before.state(now) == "open")
            if goes:
                running.append(before.until)
        elif running:
            until = running.pop(which % len(running))
            breaker = ended(rule, breaker, now, move, until)
        trying = [until for until in running if until is not None and until == breaker.until]
        assert len(trying) == breaker.trying
        assert breaker.trying + breaker.well <= rule.trials
        assert len(breaker.failed) < rule.failures


@given(rules, st.floats(0.0, 1e6))
def test_so_many_failures_in_a_row_open_it_and_no_fewer(rule, now):
    breaker = Breaker()
    for _ in range(rule.failures - 1):
        breaker = ended(rule, breaker, now, "failed")
        assert breaker.state(now) == "closed"
    breaker = ended(rule, breaker, now, "failed")
    assert breaker.state(now) == "open"
    assert admitted(rule, breaker, now) == (breaker, False)


@given(rules)
def test_after_the_pause_trials_close_it_and_a_failed_one_opens_it_again(rule):
    opened = Breaker(until=100.0)
    later, breaker = 101.0, opened
    for _ in range(rule.trials):
        breaker, goes = admitted(rule, breaker, later)
        assert goes
    assert admitted(rule, breaker, later)[1] is False
    well = breaker
    for _ in range(rule.trials):
        well = ended(rule, well, later, "ok", 100.0)
    assert well == Breaker()
    again = ended(rule, breaker, later, "failed", 100.0)
    assert again.state(later) == "open"
    assert ended(rule, again, later, "ok", 100.0) == again  # a trial from before


def test_failures_that_are_long_over_count_no_more():
    rule = BreakerRule(failures=2, window=10.0)
    breaker = ended(rule, Breaker(), 0.0, "failed")
    assert ended(rule, breaker, 11.0, "failed").state(11.0) == "closed"
    assert ended(rule, breaker, 9.0, "failed").state(9.0) == "open"


def test_a_call_that_does_well_forgives_what_was_before():
    rule = BreakerRule(failures=2)
    breaker = ended(rule, Breaker(), 0.0, "failed")
    breaker = ended(rule, breaker, 1.0, "ok")
    assert ended(rule, breaker, 2.0, "failed").state(2.0) == "closed"
