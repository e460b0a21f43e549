"""The index by blocks, as pure functions."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.journal.blocks import BLOCK, BlockFiller, block_of, hash_of, spans, unfilled
from retinue.bus.journal.chain import rows_of
from retinue.bus.journal.testing import envelope, envelopes


@given(
    blocks=st.sets(st.integers(0, 6)),
    after=st.integers(0, 7 * BLOCK),
    last=st.integers(0, 7 * BLOCK),
)
def test_the_spans_are_the_chosen_blocks_and_the_unfilled_one_within_the_bounds(
    blocks, after, last
):
    filled = sorted(
        block for block in blocks if (block + 1) * BLOCK <= last and block >= after // BLOCK
    )
    covered = list(spans(filled, after, last))
    assert all(low < high for low, high in covered)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(covered))
    expected = {
        seq
        for block in [*filled, unfilled(last) // BLOCK]
        for seq in (block * BLOCK + 1, block * BLOCK + 2, (block + 1) * BLOCK)
        if after < seq <= last
    }
    assert {s for s in expected if any(low < s <= high for low, high in covered)} == expected
    total = sum(high - low for low, high in covered)
    wanted = sum(
        max(0, min(block * BLOCK + BLOCK, last) - max(block * BLOCK, after))
        for block in {*filled, unfilled(last) // BLOCK}
    )
    assert total == wanted


@given(cuts=st.lists(st.integers(0, 2 * BLOCK + 5), max_size=6))
def test_groups_of_any_size_fill_the_same_blocks(cuts):
    rows = rows_of(envelopes(2 * BLOCK + 5))
    filler, filled = BlockFiller(), []
    edges = [0, *sorted(cuts), len(rows)]
    for start, end in itertools.pairwise(edges):
        filled += filler.add(rows[start:end])
    assert filled == BlockFiller().add(rows)
    assert [block.block for block in filled] == [0, 1]


def test_a_filled_block_holds_each_type_and_a_hash_of_each_name():
    rows = rows_of([envelope(1, type="b"), envelope(2, type="a"), *envelopes(BLOCK - 2, start=3)])
    (block,) = BlockFiller().add(rows)
    assert block.types == '["a","b","task.running"]'
    for name in ("r-0", "t-4", "agent1"):
        assert hash_of(name) in block.names
    assert hash_of("r-9") not in block.names


def test_a_filler_that_was_rebuilt_in_the_middle_of_a_block_goes_on():
    rows = rows_of(envelopes(BLOCK))
    again = BlockFiller(1_000, rows[:1_000])
    assert again.add(rows[1_000:]) == BlockFiller().add(rows)


def test_the_last_event_of_a_block_belongs_to_it():
    assert [block_of(seq) for seq in (1, BLOCK, BLOCK + 1)] == [0, 0, 1]
    assert [unfilled(last) for last in (0, BLOCK - 1, BLOCK)] == [0, 0, BLOCK]
