"""What a guest may say when: a state machine against a model of it, and each rule by itself."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from retinue.plugins.protocol.frames import (
    PROTOCOL,
    Ask,
    Cancel,
    Event,
    Hello,
    Log,
    Offer,
    Part,
    Pong,
    Reply,
    Stream,
)
from retinue.plugins.protocol.rules import Rules, Violation

HELLO = Hello(PROTOCOL, "mine", "1.0.0")


def rules(output_bytes=100_000, in_flight=4, *, greeted=True):
    made = Rules("mine", "1.0.0", output_bytes, in_flight)
    if greeted:
        made.check(HELLO)
    return made


@pytest.mark.parametrize(
    "frame",
    [
        Reply(1),
        Stream(1, b"1"),
        Event(1, 1.0),
        Ask(1, 1, "x", b""),
        Cancel(1),
        Log("", ""),
        Pong(1),
    ],
)
def test_nothing_comes_before_the_hello(frame):
    with pytest.raises(Violation, match="before its Hello"):
        rules(greeted=False).check(frame)


@pytest.mark.parametrize(
    ("hello", "cause"),
    [
        (Hello(PROTOCOL, "other", "1.0.0"), "calls itself 'other'"),
        (Hello(PROTOCOL, "mine", "2.0.0"), "make them equal"),
        (Hello(PROTOCOL + 1, "mine", "1.0.0"), "matching SDK"),
        (Hello(PROTOCOL, "mine", "1.0.0", (Offer("t", b"{}"),) * 2), "one name"),
    ],
)
def test_a_hello_is_the_plugins_own(hello, cause):
    with pytest.raises(Violation, match=cause):
        rules(greeted=False).check(hello)


@given(st.integers(0, 3000))
def test_a_call_sends_back_so_much_and_no_more_however_small_its_pieces(size):
    made = rules()
    made.called(7)
    sent = 0
    with contextlib.suppress(Violation):
        while True:
            made.check(Stream(7, bytes(size)))
            sent += 1
    assert 256 * sent <= 100_000
    assert size * sent <= 100_000


def test_requests_have_new_ids_and_so_many_are_open_at_once():
    made = rules()
    for number in range(4):
        made.check(Ask(number, 1, "fs.read", b""))
    with pytest.raises(Violation, match="over 4 requests"):
        made.check(Ask(4, 1, "fs.read", b""))
    made = rules()
    made.check(Ask(5, 1, "fs.read", b""))
    with pytest.raises(Violation, match="again"):
        made.check(Ask(5, 1, "fs.read", b""))


def test_what_was_asked_is_taken_back_once():
    with pytest.raises(Violation, match="had not asked"):
        rules().check(Cancel(0))
    made = rules()
    made.check(Ask(0, 1, "fs.read", b""))
    made.check(Cancel(0))
    with pytest.raises(Violation, match="had not asked"):
        made.check(Cancel(0))


def test_what_is_asked_comes_in_one_frame():
    with pytest.raises(Violation, match="fits one frame"):
        rules().check(Part(1, b"x", True))


class Conversation(RuleBasedStateMachine):
    """The host calls and pings; the guest says anything; the model knows what is open."""

    def __init__(self):
        super().__init__()
        self.rules = rules(output_bytes=1 << 40, in_flight=1 << 20)
        self.open, self.pinged, self.number = set(), set(), 0

    @rule()
    def call(self):
        self.number += 1
        self.rules.called(self.number)
        self.open.add(self.number)

    @rule()
    def ping(self):
        self.number += 1
        self.rules.pinged(self.number)
        self.pinged.add(self.number)

    def says(self, frame, allowed):
        if allowed:
            self.rules.check(frame)
            return
        with pytest.raises(Violation):
            self.rules.check(frame)

    @rule(id=st.integers(0, 12))
    def reply(self, id):
        self.says(Reply(id), id in self.open)
        self.open.discard(id)

    @rule(id=st.integers(0, 12), kind=st.sampled_from(["stream", "event", "part"]))
    def piece(self, id, kind):
        frame = {"stream": Stream(id, b"1"), "event": Event(id, 1.0), "part": Part(id, b"1", False)}
        self.says(frame[kind], id in self.open)

    @rule(id=st.integers(0, 12))
    def pong(self, id):
        self.says(Pong(id), id in self.pinged)
        self.pinged.discard(id)

    @rule()
    def greet_again(self):
        self.says(HELLO, False)

    @invariant()
    def knows_what_is_open(self):
        assert all(self.rules.is_open(n) == (n in self.open) for n in range(13))


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=50, deadline=None)
