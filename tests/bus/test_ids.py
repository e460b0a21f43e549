"""Identifiers: unique, ordered, and different after each start."""

from __future__ import annotations

import secrets
import sys

from hypothesis import given
from hypothesis import strategies as st

from retinue.bus import ids as module
from retinue.bus.ids import Ids, random_boot


def test_ids_name_their_kind_and_count_from_one():
    ids = Ids("boot")
    assert [ids.make("t"), ids.make("e"), ids.make("t")] == ["t-boot-1", "e-boot-2", "t-boot-3"]


def test_ids_made_between_any_two_lines_of_another_making_differ():
    ids = Ids("boot")
    made = []

    def interrupt(frame, event, arg):
        if frame.f_code.co_filename == module.__file__:
            made.append(ids.make("t"))
        return interrupt

    sys.settrace(interrupt)
    try:
        made += [ids.make("t") for _ in range(3)]
    finally:
        sys.settrace(None)
    assert len(made) >= 9
    assert len(set(made)) == len(made)


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1))
def test_different_bits_give_different_boots_of_eight_safe_characters(one, other):
    first, second = random_boot(lambda _: one), random_boot(lambda _: other)
    assert (first == second) == (one == other)
    assert len(first) == 8
    assert set(first) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_forty_bits_are_asked_for():
    asked = []
    random_boot(lambda bits: asked.append(bits) or 0)
    assert asked == [40]
    assert random_boot(secrets.randbits) != random_boot(secrets.randbits)
