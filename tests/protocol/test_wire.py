"""Bytes into frames: in any pieces the same, and of anything else an error that names it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.errors import CodecError
from retinue.plugins.protocol.frames import Event, FromGuest, Hello, Log, Offer, Part, Reply, Stream
from retinue.plugins.protocol.wire import MAX_FRAME, PIECE, Reader, encode, in_parts

ids = st.integers(0, (1 << 63) - 1)
frames = st.one_of(
    st.builds(Log, st.text(max_size=20), st.text(max_size=200)),
    st.builds(Reply, ids, st.binary(max_size=500)),
    st.builds(Stream, ids, st.binary(max_size=500)),
    st.builds(Event, ids, st.floats(0, 1e15), st.floats(0, 1e15), st.text(max_size=50)),
)


@given(st.lists(frames, max_size=8), st.data())
def test_frames_come_out_as_they_went_in_whatever_the_pieces(sent, data):
    stream = b"".join(map(encode, sent))
    reader, found = Reader(FromGuest), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == sent
    assert reader.pending == 0


@given(st.binary(max_size=2000))
def test_no_bytes_raise_anything_but_an_error_of_the_codec(data):
    reader = Reader(FromGuest)
    try:
        list(reader.feed(data))
    except CodecError:
        return
    assert reader.pending <= MAX_FRAME + 4


@given(st.integers(0, 1 << 20), ids)
def test_a_long_value_goes_in_parts_that_fit_and_make_it_whole(size, id):
    value = bytes(size)
    parts, rest = in_parts(id, value, asked=False)
    decoded = list(Reader(FromGuest).feed(b"".join(parts)))
    assert b"".join([*(p.data for p in decoded), rest]) == value
    assert all(isinstance(p, Part) and p.id == id and len(p.data) == PIECE for p in decoded)
    assert len(rest) <= PIECE


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 1 << 31, (1 << 32) - 1])
def test_a_length_is_refused_before_anything_of_that_size_is_made(length):
    reader = Reader(FromGuest)
    with pytest.raises(CodecError, match="are allowed"):
        list(reader.feed(length.to_bytes(4)))
    assert reader.pending <= 4


def test_what_is_too_long_to_send_is_an_error_where_it_is_sent():
    with pytest.raises(CodecError, match=f"over {MAX_FRAME:,}"):
        encode(Reply(1, bytes(MAX_FRAME)))


@pytest.mark.parametrize("number", [float("nan"), -1.0, 1e16])
def test_progress_is_a_number_that_json_can_hold(number):
    body = msgspec.msgpack.encode(["Event", 1, number, 0.0, ""])
    with pytest.raises(CodecError):
        list(Reader(FromGuest).feed(len(body).to_bytes(4) + body))


def test_a_hello_carries_its_tools():
    hello = Hello(1, "a", "1", (Offer("t", b"{}", timeout=2.0),))
    assert list(Reader(FromGuest).feed(encode(hello))) == [hello]
