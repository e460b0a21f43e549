"""Text for a terminal."""

from __future__ import annotations

import io

import pytest

from retinue.kernel.text import (
    ago,
    arguments,
    color_wanted,
    cut,
    duration,
    log_data,
    one_line,
    safe,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode ✓", "plain ünïcode ✓"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb", "a\\x0db"),
        ("\u202eback", "\\x202eback"),
        ("half \ud800", "half \\xd800"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text, shown):
    assert safe(text) == shown


def test_one_line_stays_one_line():
    assert one_line(" a\n\nb\tc\u2028d ") == "a b c d"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.0123, "12 ms"), (1.25, "1.2 s"), (61, "1 min 1 s"), (7265, "2 h 1 min")],
)
def test_durations_are_told_in_the_unit_that_fits(seconds, text):
    assert duration(seconds) == text


def test_a_moment_that_never_was_is_a_dash_and_one_to_come_is_now():
    assert (ago(None, 5.0), ago(10.0, 5.0), ago(2.0, 5.0)) == ("-", "0 ms", "3.0 s")


def test_what_is_cut_says_so():
    assert (cut("abcdef", 4), cut("abc", 4)) == ("abc…", "abc")
    assert arguments({"q": "x" * 50}, 10) == 'q="xxxxxx…'


def test_an_events_body_is_told_without_its_tag():
    assert log_data({"type": "tool.called", "tool": "a", "n": 0.123456}) == "tool=a n=0.1235"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "stream", "wanted"),
    [
        ({}, _Terminal(), True),
        ({"NO_COLOR": "1"}, _Terminal(), False),
        ({"NO_COLOR": ""}, _Terminal(), True),
        ({"TERM": "dumb"}, _Terminal(), False),
        ({}, io.StringIO(), False),
    ],
)
def test_colour_is_for_terminals_whose_users_did_not_refuse_it(environ, stream, wanted):
    assert color_wanted(environ, stream) is wanted
