from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from retinue.actors.child_specs import ChildSpec, validate_children, validate_strategy
from retinue.actors.runtime import LightActor
from retinue.actors.supervision import (
    Backoff,
    Escalate,
    Exit,
    Failures,
    Intensity,
    Pause,
    Remove,
    RestartGroup,
    Supervision,
    SupervisorState,
    decide,
    decide_alone,
)
from retinue.bus.errors import InvalidInput


class Child(LightActor):
    pass


def children(*specs):
    """``"b:temporary"`` is a temporary child named b."""
    made = []
    for spec in specs:
        name, _, restart = spec.partition(":")
        made.append(ChildSpec(name, Child, restart=restart or "permanent"))
    return tuple(made)


def failed(name):
    return Exit(name, failed=True, reason="ValueError: boom")


def ended(name):
    return Exit(name, failed=False, reason="stopped")


@pytest.mark.parametrize(
    ("strategy", "actions"),
    [
        ("one_for_one", [RestartGroup(("b",), 0.0)]),
        ("one_for_all", [Pause("c"), Pause("a"), RestartGroup(("a", "b", "c"), 0.0)]),
        ("rest_for_one", [Pause("c"), RestartGroup(("b", "c"), 0.0)]),
    ],
)
def test_each_strategy_takes_its_siblings_along(strategy, actions):
    state = SupervisorState(children("a", "b", "c"), strategy)
    after, decided = decide(state, failed("b"), 100.0, 0.5)
    assert decided == actions
    assert after.failures.times == (100.0,)


@pytest.mark.parametrize(
    ("restart", "end", "comes_back"),
    [
        ("permanent", failed, True),
        ("permanent", ended, True),
        ("transient", failed, True),
        ("transient", ended, False),
        ("temporary", failed, False),
        ("temporary", ended, False),
    ],
)
def test_the_kind_of_restart_says_who_comes_back(restart, end, comes_back):
    state = SupervisorState(children("a", f"b:{restart}"))
    after, actions = decide(state, end("b"), 0.0, 0.5)
    if comes_back:
        assert actions == [RestartGroup(("b",), 0.0)]
        assert after.names() == ("a", "b")
    else:
        assert actions == [Remove("b", end("b").reason)]
        assert after.names() == ("a",)


def test_a_temporary_sibling_is_removed_instead_of_restarted():
    state = SupervisorState(children("a", "b", "c:temporary", "d"), "one_for_all")
    after, actions = decide(state, failed("b"), 0.0, 0.5)
    assert actions == [
        Pause("d"),
        Remove("c", "temporary, and b failed"),
        Pause("a"),
        RestartGroup(("a", "b", "d"), 0.0),
    ]
    assert after.names() == ("a", "b", "d")


def test_one_failure_more_than_the_intensity_escalates_and_says_why():
    state = SupervisorState(children("a"), intensity=Intensity(2, 5.0))
    for now in (0.0, 1.0):
        state, actions = decide(state, failed("a"), now, 0.5)
        assert actions == [RestartGroup(("a",), 0.0)]
    state, actions = decide(state, failed("a"), 2.0, 0.5)
    assert actions == [Escalate("more than 2 restarts in 5 s; the last was a: ValueError: boom")]


def test_failures_older_than_the_period_are_forgotten():
    state = SupervisorState(children("a"), intensity=Intensity(1, 5.0))
    for now in (0.0, 5.0, 10.0, 15.0):
        state, actions = decide(state, failed("a"), now, 0.5)
        assert actions == [RestartGroup(("a",), 0.0)]
    assert state.failures.times == (15.0,)


def test_the_end_of_somebody_unknown_changes_nothing():
    state = SupervisorState(children("a"))
    assert decide(state, failed("x"), 0.0, 0.5) == (state, [])


def test_back_off_grows_to_its_limit_and_jitter_stays_in_its_share():
    backoff = Backoff(first=1.0, factor=2.0, limit=10.0, jitter=0.1)
    assert [backoff.delay(n, 0.5) for n in (1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 10, 10]
    assert backoff.delay(1, 0.0) == pytest.approx(0.9)
    assert backoff.delay(1, 1.0) == pytest.approx(1.1)


@given(
    times=st.lists(st.floats(0, 10), min_size=1, max_size=40),
    restarts=st.integers(0, 5),
    period=st.floats(0.1, 20),
)
def test_no_window_of_a_period_ever_holds_more_restarts_than_allowed(times, restarts, period):
    state = SupervisorState(children("a"), intensity=Intensity(restarts, period))
    done = []
    for now in sorted(times):
        state, [action] = decide(state, failed("a"), now, 0.5)
        if isinstance(action, Escalate):
            break
        done.append(now)
        assert len([t for t in done if now - t < period]) <= restarts


@given(st.lists(st.floats(0.0, 1e5), max_size=60), st.floats(0.0, 1.0, exclude_max=True))
def test_an_optional_child_never_escalates_and_spares_its_siblings_account(times, chance):
    (needed, spare) = children("a", "b")
    spare = replace(spare, optional=True)
    state = SupervisorState((needed, spare), intensity=Intensity(0, 1e9))
    for now in sorted(times):
        state, [action] = decide(state, failed("b"), now, chance)
        assert action.children == ("b",)
        assert 0.09 <= action.delay <= 33.0
    assert state.failures == Failures()


def test_an_optional_child_comes_back_ever_later_and_soon_again_after_a_quiet_time():
    state = SupervisorState(tuple(replace(child, optional=True) for child in children("a")))
    delays = []
    for now in [*range(12), 1_000]:
        state, [action] = decide(state, failed("a"), float(now), 0.5)
        delays.append(action.delay)
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert (delays[11], delays[12]) == (30.0, 0.1)


def test_alone_an_actor_is_restarted_within_its_intensity():
    policy, failures = Supervision(Intensity(1, 5.0), Backoff(first=2.0, jitter=0.0)), Failures()
    failures, delay = decide_alone(policy, failures, 0.0, 0.5)
    assert delay == 2.0
    failures, delay = decide_alone(policy, failures, 1.0, 0.5)
    assert delay is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "", "child '': name '' must be 1 to 128"),
        ("name", "a b", "must be 1 to 128 letters"),
        ("start", len, "child 'a': start <built-in function len> must be an actor class"),
        ("restart", "always", "restart 'always' must be one of permanent, transient, temporary"),
        ("shutdown", 0.0, "shutdown 0.0 must be a positive"),
        ("shutdown", float("inf"), "must be a positive, finite"),
        ("options", {"color": 1}, "has unknown color; known are dispatcher, mailbox"),
    ],
)
def test_a_child_that_cannot_be_meant_is_refused_with_its_key(key, value, said):
    spec = {"name": "a", "start": Child, key: value}
    with pytest.raises(InvalidInput, match=said):
        validate_children([ChildSpec(**spec)])


def test_two_children_of_one_name_are_refused():
    with pytest.raises(InvalidInput, match="child 'a': name 'a' is used twice"):
        validate_children(children("a", "a"))


def test_an_unknown_strategy_is_refused():
    with pytest.raises(InvalidInput, match="strategy 'one_for_some' is unknown"):
        validate_strategy("one_for_some")
