"""How the mirror to observers is put into words."""

from __future__ import annotations

import pytest

from retinue.bus.views import BusView
from retinue.kernel.cli.mirror import in_short, in_words


@pytest.mark.parametrize(
    ("view", "words", "short"),
    [
        (BusView("off", "none"), "off", "off"),
        (BusView("off", "x", reason="no server"), "off: no server", "off"),
        (BusView("live", "redis at x", 7), "live, 7 published, redis at x", "live"),
        (
            BusView("degraded", "redis at x", 7, 3, 2, refilled=9),
            "degraded, 7 published, 3 waiting, 2 dropped, 9 refilled, redis at x",
            "degraded, 3 waiting, 2 dropped, 9 refilled",
        ),
    ],
)
def test_state_and_counts_that_are_not_nothing_are_told(view, words, short):
    assert (in_words(view), in_short(view)) == (words, short)
