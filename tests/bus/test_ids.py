"""Identifiers: unique, ordered, and different after each start."""

from __future__ import annotations

import secrets
import threading

from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.ids import Ids, random_boot


def test_ids_name_their_kind_and_count_from_one():
    ids = Ids("boot")
    assert [ids.make("t"), ids.make("e"), ids.make("t")] == ["t-boot-1", "e-boot-2", "t-boot-3"]


def test_threads_never_get_the_same_id():
    ids = Ids("boot")
    start = threading.Barrier(8)
    made: list[list[str]] = [[] for _ in range(8)]

    def make(mine):
        start.wait(timeout=10)
        mine.extend(ids.make("t") for _ in range(5_000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len({id_ for mine in made for id_ in mine}) == 40_000


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
