"""Cutting what a subscribed connection receives into messages."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.redis.frames import Frames, ProtocolError, TooLarge
from retinue.bus.redis.resp import bulk

CHANNEL = b"raro:live_logs"
LIMIT = 100
SUBSCRIBED = b"*3\r\n" + bulk(b"subscribe") + bulk(CHANNEL) + b":1\r\n"
PONG = b"*2\r\n" + bulk(b"pong") + bulk(b"")


def message(payload: bytes) -> bytes:
    return b"*3\r\n" + bulk(b"message") + bulk(CHANNEL) + bulk(payload)


def fed(*pieces: bytes) -> list:
    frames = Frames(CHANNEL, LIMIT)
    return [item for piece in pieces for item in frames.feed(piece)]


def test_messages_and_answers_come_in_order():
    data = SUBSCRIBED + message(b"one") + PONG + message(b"") + b"-NOPERM no\r\n"
    assert fed(data) == [
        [b"subscribe", CHANNEL, b"1"],
        b"one",
        [b"pong", b""],
        b"",
        [b"-NOPERM no"],
    ]


def test_messages_and_answers_of_the_newer_protocol_are_pushes():
    push = SUBSCRIBED.replace(b"*3", b">3") + message(b"one").replace(b"*3", b">3")
    assert fed(push + b"+PONG\r\n") == [[b"subscribe", CHANNEL, b"1"], b"one", [b"+PONG"]]


def test_a_message_that_is_too_large_is_passed_over_without_being_kept():
    frames = Frames(CHANNEL, LIMIT)
    assert list(frames.feed(message(b"x" * 1_000_000)[:500_000])) == []
    assert len(frames._rest) == 0
    rest = message(b"x" * 1_000_000)[500_000:] + message(b"after")
    assert list(frames.feed(rest)) == [TooLarge(1_000_000), b"after"]


@given(
    st.lists(st.binary(max_size=LIMIT + 50), max_size=8),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_it_does_not_matter_how_the_bytes_come(payloads, sizes):
    data = SUBSCRIBED + b"".join(message(p) + PONG for p in payloads)
    pieces, place = [], 0
    while place < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[place : place + size])
        place += size
    wanted = [p if len(p) <= LIMIT else TooLarge(len(p)) for p in payloads]
    assert [item for item in fed(*pieces) if not isinstance(item, list)] == wanted


@pytest.mark.parametrize(
    "data",
    [
        b"*9999999\r\n",
        b"*3\r\n$99999999\r\n",
        b"*x\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"*3\r\n*3\r\n",
        b"x" * 5_000,
        message(b"")[:-6] + b"$z\r\n",
    ],
)
def test_what_is_no_answer_to_a_subscriber_is_refused(data):
    with pytest.raises(ProtocolError):
        fed(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_cut_or_refused(data):
    with suppress(ProtocolError):
        fed(data)
