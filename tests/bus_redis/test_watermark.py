"""Who waits until observers were told, and who has not to."""

from __future__ import annotations

from retinue.bus.redis.watermark import Watermark


def test_callbacks_come_once_each_when_their_seq_is_reached():
    said = []
    watermark = Watermark()
    for seq in (3, 1, 2):
        assert watermark.when(seq, lambda seq=seq: said.append(seq))
    watermark.reach(2)
    assert said == [1, 2]
    watermark.reach(9)
    watermark.reach(10)
    assert said == [1, 2, 3]


def test_nobody_waits_for_what_was_reached():
    watermark = Watermark()
    watermark.reach(5)
    assert not watermark.when(5, _never)
    assert not watermark.awaits(5)
    assert watermark.awaits(6)


def test_opening_lets_everyone_go_and_closing_lets_them_wait_again():
    said = []
    watermark = Watermark()
    watermark.when(7, lambda: said.append("let go"))
    watermark.open()
    assert said == ["let go"]
    assert not watermark.when(8, _never)
    watermark.close()
    assert watermark.when(8, lambda: said.append("reached"))
    watermark.reach(8)
    assert said == ["let go", "reached"]


def test_it_never_goes_back():
    watermark = Watermark()
    watermark.reach(5)
    watermark.reach(0)
    assert watermark.reached == 5


def _never():
    raise AssertionError("called back although there was nothing to wait for")
