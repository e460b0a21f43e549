"""What a reader of a run sees."""

from __future__ import annotations

import re

from retinue.bus.wire import ObservedEvent
from retinue.kernel.cli.trace import Trace, log_line


def test_a_call_and_its_result_read_as_a_request_and_its_answer():
    called = _event("tool.called", tool="files.search", args={"query": ["age"], "limit": 3})
    returned = _event("tool.returned", ok=True, seconds=0.0123, result=[1, 2, 3])
    assert _traced(called, returned) == (
        '[IO_REQ]   LIBRARIAN → files.search(query=["age"], limit=3)\n[IO_OK]    ↳ 3 items (12 ms)\n'
    )


def test_a_tools_own_summary_comes_before_one_made_up():
    returned = _event("tool.returned", ok=True, seconds=2.5, result=[1], summary="1 passage")
    assert _traced(returned) == "[IO_OK]    ↳ 1 passage (2.5 s)\n"


def test_the_results_of_files_are_counted_in_passages_and_lines():
    searched = _event(
        "tool.returned", tool="files.search", ok=True, seconds=0.012, result=[{}], summary="1 item"
    )
    read = _event(
        "tool.returned", tool="files.read", ok=True, seconds=0.001, result={"text": "a\nb\n"}
    )
    assert _traced(searched, read) == (
        "[IO_OK]    ↳ 1 passage (12 ms)\n[IO_OK]    ↳ 2 lines (1 ms)\n"
    )


def test_a_failed_call_says_why():
    returned = _event("tool.returned", ok=False, seconds=0.001, error="ToolError: no such file")
    assert _traced(returned) == "[IO_ERR]   ↳ ToolError: no such file (1 ms)\n"


def test_text_runs_on_in_one_line_until_something_else_happens():
    events = [
        _event("agent.text", delta="Hel"),
        _event("agent.text", delta="lo"),
        _event("agent.thought", text="done"),
        _event("agent.text", delta=" again"),
    ]
    assert _traced(*events) == (
        "[TEXT]     LIBRARIAN: Hello\n[PLANNING] LIBRARIAN: done\n[TEXT]     LIBRARIAN: again\n"
    )


def test_two_agents_that_stream_at_once_do_not_share_a_line():
    events = [
        _event("agent.text", task="t-1", delta="one"),
        _event("agent.text", task="t-2", agent="critic", delta="two"),
    ]
    assert _traced(*events) == "[TEXT]     LIBRARIAN: one\n[TEXT]     CRITIC: two\n"


def test_the_ends_of_runs_are_told():
    assert (
        _traced(_event("run.succeeded", seconds=62)) == "[RUN]      r-1 succeeded after 1 min 2 s\n"
    )
    failed = _event("run.failed", seconds=0.5, reason="ValueError: x")
    assert _traced(failed) == "[RUN]      r-1 failed after 500 ms: ValueError: x\n"


def test_what_says_nothing_to_a_reader_is_left_out():
    assert _traced(_event("task.queued"), _event("task.scheduled"), _event("agent.state")) == ""


def test_trouble_of_a_task_is_told():
    stalled = _event("task.stalled", what="files.read", seconds=31.0, action="report")
    assert _traced(stalled) == "[TASK]     LIBRARIAN: stalled: files.read for 31.0 s\n"
    failed = _event("task.attempt_failed", attempt=1, kind="ValueError", cause="no")
    assert _traced(failed) == "[TASK]     LIBRARIAN: attempt failed: ValueError: no\n"


def test_nothing_that_an_event_carries_can_steer_the_terminal():
    evil = "\x1b[2J\x1b]0;owned\x07\u202eabc\x9b31m"
    events = [
        _event("agent.thought", text=evil),
        _event("agent.text", delta=evil),
        _event("tool.called", tool=evil, args={evil: evil}),
        _event("tool.returned", ok=False, seconds=0, error=evil),
        _event("run.failed", agent=evil, reason=evil),
    ]
    printed = _traced(*events) + "".join(log_line(event) for event in events)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed)
    assert "\\x1b[2J" in printed


def test_colour_adds_styles_and_changes_no_text():
    event = _event("agent.thought", text="plan")
    colored = Trace(color=True).feed(event)
    assert colored != _traced(event)
    assert re.sub(r"\x1b\[\d+m", "", colored) == _traced(event)


def test_a_line_of_the_log_names_seq_type_agent_task_and_data():
    line = log_line(_event("tool.called", tool="clock.now", args={}))
    assert re.fullmatch(
        r" +7 \d\d:\d\d:\d\d\.\d{3} tool\.called +librarian t-1 tool=clock\.now args=\{\}", line
    )


def _event(type: str, task: str = "t-1", agent: str = "librarian", **data: object) -> ObservedEvent:
    import msgspec

    body = msgspec.json.encode({"type": type, **data})
    return ObservedEvent(
        7, "e-1", type, 1e9, "retinue:main", run="r-1", task=task, agent=agent, body=body
    )


def _traced(*events: ObservedEvent) -> str:
    trace = Trace()
    return "".join(trace.feed(event) for event in events) + trace.end()
