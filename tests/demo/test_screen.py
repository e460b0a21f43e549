"""What the terminal shows, to the character."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

import msgspec
import pytest

from retinue.bus.wire import ObservedEvent
from retinue.kernel.cli.demo_screen import TerminalScreen
from retinue.kernel.demo import Report, Source, Tally

CLEAR = "\r\x1b[K"
SUMMARY = Tally().summary(0, "m", "r")


class Terminal(io.StringIO):
    """Takes escape sequences, which click keeps from what is no terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal():
    """Both outputs on one terminal, in order: ``terminal(events…)`` is what it got."""

    def shown(*events, live=True, closing=None):
        both = Terminal()
        with redirect_stdout(both), redirect_stderr(both):
            screen = TerminalScreen(color=False, width=100, live=live)
            for event in events:
                screen.show(event)
            if closing is not None:
                screen.closing(*closing)
        return both.getvalue()

    return shown


def test_the_live_line_is_written_over_and_leaves_the_trace_whole(terminal):
    called, found = _event("llm.called", model="m"), _event("agent.thought", text="found it")
    assert terminal(called, None, None, found) == (
        f"{CLEAR}⠋ WRITER asks m, which is loaded first{CLEAR}⠙ WRITER asks m, which is loaded first"
        f"{CLEAR}[PLANNING] WRITER: found it\n"
    )


def test_text_that_streams_is_not_wiped_by_the_live_line(terminal):
    text, called = _event("agent.text", delta="Nine"), _event("llm.called", model="m")
    shown = terminal(text, None, called, None)
    assert shown == f"[TEXT]     WRITER: Nine\n{CLEAR}⠋ WRITER asks m"


def test_without_a_terminal_nothing_is_written_over(terminal):
    assert terminal(_event("llm.called", model="m"), None, live=False) == ""


def test_the_end_names_the_answer_its_sources_and_the_figures(terminal):
    report = Report("Nine.", supported=True, sources=[Source("a.md", 7), Source("b.md", 1)])
    assert terminal(closing=(report, SUMMARY)) == (
        "\nanswer    Nine.\nsource    a.md:7\nsource    b.md:1\n"
        "summary   0 agents, 0 tasks, 0 tool calls, 0 tokens in 0 ms; 0 of 0 events observed, 0 lost\n"
    )


def test_a_run_that_failed_ends_with_the_figures_alone(terminal):
    assert terminal(closing=(None, SUMMARY)).startswith("\nsummary ")


def test_what_a_document_says_cannot_steer_the_terminal(terminal):
    text = _event("agent.text", delta="\x1b[2Jgone")
    report = Report("\x1b]0;x\x07", supported=True)
    assert "\x1b" not in terminal(text, closing=(report, SUMMARY))


def _event(kind: str, **data: str) -> ObservedEvent:
    body = msgspec.json.encode(data)
    return ObservedEvent(1, "e", kind, 0.0, "s", run="r", task="t", agent="writer", body=body)
