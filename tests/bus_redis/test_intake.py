"""What is taken in and what is dropped: one's own, floods, what is malformed; all counted."""

from __future__ import annotations

import json
import threading

import pytest

from retinue.bus.messages import TelemetryDropped
from retinue.bus.redis.bucket import Bucket
from retinue.bus.redis.echoes import Echoes
from retinue.bus.redis.frames import TooLarge
from retinue.bus.redis.intake import Intake

from .test_inbound import THOUGHT


def thought(text: str = "x") -> bytes:
    return json.dumps({**THOUGHT, "message": text}).encode()


@pytest.fixture
def echoes():
    return Echoes(keep=3)


@pytest.fixture
def intake(echoes):
    return Intake("logs", 10, echoes, waiting=5)


def test_a_message_is_taken_in_once(intake):
    intake.hear(thought("a"), 0.0)
    intake.hear(thought("b"), 0.0)
    assert [told.body.message for told in intake.take(10)] == ["a", "b"]
    assert intake.take(10) == []
    assert (intake.taken, intake.dropped) == (2, {})


def test_what_is_faster_than_may_be_is_dropped_and_counted(intake):
    assert [intake.hear(thought(), 0.0) for _ in range(12)] == [False] * 10 + [True] * 2
    assert intake.dropped["flood"] == 2
    assert not intake.hear(thought(), 0.1)
    assert intake.hear(thought(), 0.1)


def test_the_bytes_of_a_second_are_bounded_too(echoes):
    intake = Intake("logs", 1_000_000, echoes)
    large = thought("x" * 60_000)
    fine = sum(not intake.hear(large, 0.0) for _ in range(100))
    assert fine == (4 << 20) // len(large)


def test_the_oldest_of_too_many_that_wait_are_dropped(intake):
    for n in range(7):
        intake.hear(thought(str(n)), 0.0)
    assert [told.body.message for told in intake.take(2)] == ["2", "3"]
    assert intake.waiting == 3
    assert intake.dropped == {"unread": 2}


def test_ones_own_messages_are_never_taken_in_however_often_they_come(intake, echoes):
    echoes.note(thought())
    for _ in range(50):
        assert not intake.hear(thought(), 0.0)
    assert (intake.taken, intake.own, intake.dropped) == (0, 50, {})


def test_echoes_are_bounded_and_know_when_they_forgot_one_that_is_still_to_come(echoes):
    for n in range(3):
        echoes.note(b"%d" % n)
    assert echoes.is_own(b"0")
    echoes.note(b"3")
    assert (len(echoes), echoes.overrun, echoes.is_own(b"0")) == (3, False, False)
    echoes.note(b"4")
    assert echoes.overrun
    echoes.subscribed()
    echoes.note(b"5")
    assert not echoes.overrun


def test_echoes_may_be_noted_while_others_are_recognised():
    echoes = Echoes()
    threads = [
        threading.Thread(target=lambda: [echoes.note(b"%d" % n) for n in range(2_000)]),
        threading.Thread(target=lambda: [echoes.is_own(b"%d" % n) for n in range(2_000)]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(echoes.is_own(b"%d" % n) for n in range(2_000))


def test_what_was_dropped_is_said_once_a_minute_at_most_and_then_all_of_it(intake):
    assert intake.to_say(0.0) is None
    intake.hear(b"{}", 0.0)
    assert intake.to_say(1.0) == TelemetryDropped(
        "logs", malformed=1, example="Object missing required field `category`"
    )
    intake.hear(b"[]", 2.0)
    intake.hear(TooLarge(1 << 20), 2.0)
    intake.drop("ended", 2)
    assert intake.to_say(60.9) is None
    assert intake.to_say(61.0) == TelemetryDropped(
        "logs", malformed=1, too_large=1, ended=2, example="Expected `object`, got `array`"
    )
    assert intake.to_say(200.0) is None


def test_an_example_is_short(intake):
    intake.hear(json.dumps({**THOUGHT, "metadata": "z" * 5_000}).encode(), 0.0)
    assert len(intake.to_say(0.0).example) <= 200


def test_a_bucket_fills_again_and_no_further_than_it_is_large():
    bucket = Bucket(10, 2)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [True, True, False]
    assert bucket.due() == pytest.approx(0.1)
    assert [bucket.take(100.0), bucket.take(100.0), bucket.take(100.0)] == [True, True, False]
    bucket.give(5)
    assert [bucket.take(100.0), bucket.take(100.0), bucket.take(100.0)] == [True, True, False]
