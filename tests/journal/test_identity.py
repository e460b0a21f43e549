"""What a journal is known by: for as long as its numbers go on, and not beyond."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from retinue.bus.journal import MemoryStore, identity_of
from retinue.bus.journal.testing import envelope


def test_a_file_is_known_by_the_same_name_each_time_it_is_opened(opened, path):
    store = opened()
    identity = identity_of(store)
    store.append([envelope(1)])
    store.close()
    assert len(identity) == 16
    assert identity_of(opened()) == identity


def test_two_stores_are_never_known_by_one_name(opened):
    assert len({identity_of(opened()), identity_of(MemoryStore()), identity_of(MemoryStore())}) == 3


def test_a_file_from_before_there_were_names_gets_one_and_keeps_it(opened, path):
    opened().close()
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("DELETE FROM meta WHERE key = 'identity'")
    store = opened()
    identity = identity_of(store)
    store.close()
    assert identity
    assert identity_of(opened()) == identity


def test_a_store_of_a_programs_own_may_have_no_name():
    assert identity_of(object()) == ""
