"""A checkpoint and what came after it give the state that the whole journal gives."""

from __future__ import annotations

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retinue.actors.condensed import Condensed
from retinue.actors.fold import fold
from retinue.actors.kept_letters import KeptLetters
from retinue.actors.restoring import forget_with, restored
from retinue.actors.snapshot import freeze, thaw
from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope
from retinue.bus.journal import MemoryStore
from retinue.bus.journal.checkpoints import newest, parts_of
from retinue.kernel.asking.audit import audit
from retinue.kernel.asking.history import history_of
from retinue.kernel.asking.letters import letters

from .histories import history

KEEP = 1_000_000
seeds = st.integers(0, 2**32)
cuts = st.lists(st.floats(0, 1), min_size=1, max_size=4)


def written(condensed):
    """The checkpoint as it is read back from a journal that it was written to."""
    store = MemoryStore()
    parts = parts_of(
        "c-1", condensed.until, condensed.events(), condensed.counts(), condensed.given_up
    )
    store.append([Envelope("e", "kernel.state", 0.0, encode(part)) for part in parts])
    return newest(store)


def condensed_at(events, places):
    """Cut at each place in turn, every checkpoint made of the one before it."""
    base, done = None, 0
    for place in sorted({int(place * len(events)) for place in places}):
        condensed = Condensed(base)
        for event in events[done:place]:
            condensed.take(event)
        if condensed.until:
            base, done = written(condensed), place
    return base, done


def folded(state, events):
    for event in events:
        fold(state, event)
    return state


def plain(state):
    """The state, without the order in which equal things are held."""
    held = msgspec.json.decode(freeze(state))
    for what in ("tasks", "runs"):
        held[what] = sorted(held[what], key=lambda one: one["id"])
    for task in held["tasks"]:
        task["children"] = task["children"] or None
    held["effects"] = sorted(held["effects"], key=str)
    held["tally"] = {
        agent: {state: n for state, n in states.items() if n}
        for agent, states in held["tally"].items()
    }
    held["tally"] = {agent: states for agent, states in held["tally"].items() if states}
    return held


@settings(max_examples=300)
@given(seeds, st.integers(1, 150), cuts)
def test_a_fold_from_a_checkpoint_gives_the_state_of_the_whole(seed, steps, places):
    events = history(seed, steps)
    base, done = condensed_at(events, places)
    scratch = folded(restored(base, KEEP), events[done:])
    whole = folded(restored(None, KEEP), events)
    if base is not None:
        forget_with(whole, base)
    assert plain(scratch) == plain(whole)


@given(seeds, st.integers(1, 120), cuts, st.floats(0, 1))
def test_it_does_not_matter_which_snapshot_was_there(seed, steps, places, at):
    events = history(seed, steps)
    base, done = condensed_at(events, places)
    if base is None:
        return
    taken = done + int(at * (len(events) - done))
    snapshot = thaw(freeze(folded(restored(None, KEEP), events[:taken])), KEEP)
    forget_with(snapshot, base)
    scratch = folded(restored(base, KEEP), events[done:])
    assert plain(folded(snapshot, events[taken:])) == plain(scratch)


@given(seeds, st.integers(1, 120), cuts)
def test_a_checkpoint_made_of_an_older_one_is_the_same_as_one_made_of_all(seed, steps, places):
    events = history(seed, steps)
    base, done = condensed_at(events, places)
    once = Condensed()
    for event in events[:done]:
        once.take(event)
    if base is not None:
        assert base.events == once.events()
        assert base.counts == once.counts()
        assert base.until == once.until


@given(seeds, st.integers(1, 120), cuts)
def test_what_people_ask_of_open_things_and_dead_letters_has_the_same_answer(seed, steps, places):
    events = history(seed, steps)
    base, done = condensed_at(events, places)
    if base is None:
        return
    kept = [*base.events, *events[done:]]
    told, whole = history_of(kept), history_of(events)
    open_tasks = {t.id: t for t in whole.tasks.values() if t.open}
    assert {t.id for t in told.tasks.values() if t.open} == set(open_tasks)
    for task in open_tasks.values():
        assert told.tasks[task.id].state == task.state
        assert told.tasks[task.id].attempts == task.attempts
    assert {n: a for n, a in told.agents.items() if a.gone is None} == {
        n: a for n, a in whole.agents.items() if a.gone is None
    }
    assert (told.kernel.paused, told.kernel.policy) == (whole.kernel.paused, whole.kernel.policy)
    assert letters(Read(kept)) == letters(Read(events))


class Read:
    """Events as something to read from."""

    first = 1

    def __init__(self, events):
        self.events = events

    def read(self, after=0, only=None, limit=None):
        return (e for e in self.events if e.seq > after and only.matches(e.envelope))


def test_the_newest_letters_stay_and_the_others_are_counted():
    events = history(7, 600)
    condensed = Condensed(letters=KeptLetters(most=3))
    for event in events:
        condensed.take(event)
    whole = letters(Read(events))
    ended = [
        one.id for one in whole if one.run not in {e.run for e in condensed.events() if not e.task}
    ]
    kept = [one.id for one in letters(Read(condensed.events()))]
    assert condensed.given_up > 0
    assert set(kept) <= set(ended) | {one.id for one in whole}
    state = restored(written(condensed), KEEP)
    assert sum(state.table.counts().values()) == sum(
        folded(restored(None, KEEP), events).table.counts().values()
    )


def test_a_checkpoint_without_its_last_part_does_not_count():
    events = history(3, 400)
    condensed = Condensed()
    for event in events:
        condensed.take(event)
    parts = parts_of("c-2", condensed.until, condensed.events() * 50, {}, 0)
    assert len(parts) > 2
    store = MemoryStore()
    earlier = parts_of("c-1", 5, (), {"ann": {"failed": 2}}, 1)
    store.append([Envelope("e", "kernel.state", 0.0, encode(part)) for part in earlier])
    for part in parts:
        found = newest(store)
        assert (found.until, found.counts, found.letters) == (5, {"ann": {"failed": 2}}, 1)
        store.append([Envelope("e", "kernel.state", 0.0, encode(part))])
    assert newest(store).until == condensed.until


@given(seeds, st.integers(1, 150), st.floats(0, 1))
def test_what_is_left_after_a_cut_adds_up(seed, steps, place):
    events = [e for e in history(seed, steps) if e.type != "tool.returned" or e.agent]
    whole = audit(events)
    assume(not whole.broken())
    left = events[int(place * len(events)) :]
    counted = audit(left, left[0].seq if left else 1)
    assert counted.broken() == []
    assert counted.partial <= counted.counted <= whole.counted
