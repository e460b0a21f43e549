"""Lines out of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.plugins.hosting.lines import LineReader
from retinue.plugins.protocol.rules import Violation


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_come_out_however_the_bytes_are_cut(lines, data):
    whole = b"".join(line + b"\n" for line in lines)
    reader = LineReader(bytes)
    found = []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        found += reader.feed(whole[:size])
        whole = whole[size:]
    assert found == [line.strip() for line in lines if line.strip()]
    assert reader.pending == 0


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long_is_refused_before_and_after_its_end(end):
    reader = LineReader(bytes, 10)
    with pytest.raises(Violation, match="over 10 bytes"):
        list(reader.feed(b"x" * 11 + end))


def test_a_line_with_too_many_values_is_refused():
    reader = LineReader(bytes)
    with pytest.raises(Violation, match="objects and lists"):
        list(reader.feed(b"{}" * 200_001 + b"\n"))
