"""The agent-events dialect, row by row of its table."""

from __future__ import annotations

import hashlib
import json
import uuid

import pytest
from msgspec import Raw

from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import (
    AgentText,
    AttemptFailed,
    LlmCalled,
    LlmReturned,
    RunStarted,
    TaskCancelled,
    TaskFailed,
    TaskOutcomeUnknown,
    TaskQueued,
    TaskRunning,
    TaskScheduled,
    TaskSubmitted,
    TaskSucceeded,
    ToolCalled,
    ToolReturned,
    type_of,
)
from retinue.bus.redis.dialects import AGENT_EVENTS_KEY, AgentEvents

SUBMITTED = TaskSubmitted(Raw(b"{}"))
SCHEDULED = TaskScheduled("fifo", "it is next")
STEP = {"step": 1, "root": "r-1", "node": "t-1", "action": "librarian"}


class Teller:
    """Has events projected, each half a second after the one before."""

    def __init__(self, dialect=None):
        self.dialect = dialect or AgentEvents()
        self.events = []

    def tell(self, body, task="t-1"):
        seq = len(self.events) + 1
        kind = type_of(type(body))
        moment = 1e9 + seq / 2
        envelope = Envelope(f"e-{seq}", kind, moment, encode(body), "r-1", task, "librarian")
        self.events.append(Event(seq, envelope))
        return self.said(self.events[-1])

    def said(self, event):
        entries = []
        for kind, name, payload in self.dialect.project(event):
            assert (kind, name) == ("stream", AGENT_EVENTS_KEY)
            entries.append(json.loads(payload))
        return entries


@pytest.fixture
def teller():
    return Teller()


def moved(old, new, layer=0, parents=(), node="t-1"):
    told = {"node": node, "old": old, "new": new, "layer": layer}
    return ("node_status_change", {**told, "parents": None if parents is None else list(parents)})


def short(entries):
    return [(entry["type"], entry["payload"]) for entry in entries]


def test_an_entry_has_an_id_of_its_own_a_time_a_type_and_a_payload(teller):
    (entry,) = teller.tell(SUBMITTED)
    assert list(entry) == ["id", "ts", "type", "payload"]
    assert uuid.UUID(entry["id"]).version == 5
    assert entry["ts"] == "2001-09-09T01:46:40.500Z"
    both = teller.tell(TaskRunning(1))
    assert len({entry["id"], *(one["id"] for one in both)}) == 3


def test_its_stream_is_the_one_that_its_consumers_know():
    assert AGENT_EVENTS_KEY == "agent_events"


def test_a_tasks_states_are_told_with_the_one_before(teller):
    told = [teller.tell(body) for body in (RunStarted(), SUBMITTED, TaskQueued(), SCHEDULED)]
    assert [short(entries) for entries in told] == [
        [],
        [moved(None, "submitted")],
        [moved("submitted", "queued")],
        [moved("queued", "scheduled")],
    ]


def test_a_step_begins_with_an_attempt_and_ends_with_the_task(teller):
    teller.tell(SUBMITTED)
    assert short(teller.tell(TaskRunning(1))) == [
        moved("submitted", "running"),
        ("step_started", STEP),
    ]
    assert short(teller.tell(TaskSucceeded(Raw(b'"x"')))) == [
        ("step_finished", {**STEP, "duration": 0.5}),
        moved("running", "succeeded"),
    ]


def test_each_attempt_is_a_step_and_tells_why_it_failed(teller):
    for body in (SUBMITTED, TaskQueued(), TaskRunning(1)):
        teller.tell(body)
    assert short(teller.tell(AttemptFailed(1, "ValueError", "no", 1.0))) == [
        ("step_finished", {**STEP, "duration": 0.5, "exception": "ValueError: no"}),
    ]
    assert short(teller.tell(TaskQueued(2, 1.0))) == [moved("running", "queued")]
    assert short(teller.tell(TaskRunning(2))) == [
        moved("queued", "running"),
        ("step_started", {**STEP, "step": 2}),
    ]


@pytest.mark.parametrize(
    ("body", "state", "exception"),
    [
        (TaskFailed("ToolError", "gone"), "failed", "ToolError: gone"),
        (TaskCancelled("enough"), "cancelled", "Cancelled: enough"),
        (TaskOutcomeUnknown("mail.send"), "outcome_unknown", "OutcomeUnknown: mail.send"),
    ],
)
def test_a_step_that_ends_without_a_result_says_why(teller, body, state, exception):
    teller.tell(SUBMITTED)
    teller.tell(TaskRunning(1))
    assert short(teller.tell(body)) == [
        ("step_finished", {**STEP, "duration": 0.5, "exception": exception}),
        moved("running", state),
    ]


def test_a_task_that_never_ran_has_no_step(teller):
    teller.tell(SUBMITTED)
    assert short(teller.tell(TaskCancelled("enough"))) == [moved("submitted", "cancelled")]


def test_a_task_says_below_which_others_it_stands(teller):
    teller.tell(SUBMITTED)
    (child,) = short(teller.tell(TaskSubmitted(Raw(b"{}"), parent="t-1"), task="t-2"))
    assert child == moved(None, "submitted", 1, ["t-1"], "t-2")
    (grandchild,) = short(teller.tell(TaskSubmitted(Raw(b"{}"), parent="t-2"), task="t-3"))
    assert grandchild == moved(None, "submitted", 2, ["t-2"], "t-3")


def test_what_was_said_before_the_dialect_listened_is_null(teller):
    assert short(teller.tell(TaskScheduled("fifo", "next"))) == [
        moved(None, "scheduled", None, None)
    ]
    orphan = TaskSubmitted(Raw(b"{}"), parent="t-0")
    assert short(teller.tell(orphan, task="t-9")) == [
        moved(None, "submitted", None, ["t-0"], "t-9")
    ]
    assert short(teller.tell(TaskSucceeded(Raw(b"1"), attempts=3), task="t-8")) == [
        ("step_finished", {**STEP, "step": 3, "node": "t-8", "duration": None}),
        moved(None, "succeeded", None, None, "t-8"),
    ]


def test_the_memory_of_open_tasks_is_bounded():
    teller = Teller(AgentEvents(max_tasks=2))
    for task in ("t-1", "t-2", "t-3"):
        teller.tell(SUBMITTED, task)
    assert short(teller.tell(TaskQueued(), "t-3")) == [moved("submitted", "queued", node="t-3")]
    assert short(teller.tell(TaskQueued(), "t-1")) == [moved(None, "queued", None, None)]


def test_a_model_call_is_told_at_its_beginning_and_its_end(teller):
    asked = {"node": "t-1", "agent": "librarian", "model": "small", "prompt_sha": "ab12"}
    begun = teller.tell(LlmCalled("c-1", "small", 2, prompt="ab12"))
    assert short(begun) == [("llm_call_started", asked)]
    answer = LlmReturned("c-1", "small", 1.5, 10, 4, "stop", text="z" * 201, pieces=(201,))
    assert short(teller.tell(answer)) == [
        (
            "llm_call_completed",
            {
                **asked,
                "duration": 1.5,
                "token_usage": {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14},
                "cost_estimate": None,
                "extract": "z" * 200,
            },
        )
    ]


def test_what_is_not_known_of_a_model_call_is_null(teller):
    teller.tell(LlmCalled("c-1", "small", 2))
    ((kind, told),) = short(teller.tell(LlmReturned("c-1", "small", 0.1, error="Unavailable")))
    assert kind == "llm_call_completed"
    assert (told["prompt_sha"], told["token_usage"], told["extract"]) == (None, None, None)
    assert told["exception"] == "Unavailable"


def test_a_tool_call_is_told_at_its_beginning_and_its_end(teller):
    asked = {
        "tool": "files",
        "api": "read",
        "args_hash": hashlib.sha256(b'{"path":"a"}').hexdigest(),
    }
    begun = teller.tell(ToolCalled("c-1", "files.read", Raw(b'{"path":"a"}')))
    assert short(begun) == [("tool_invoked", asked)]
    back = ToolReturned("c-1", "files.read", ok=True, seconds=0.25, result=Raw(b"{}"))
    assert short(teller.tell(back)) == [
        ("tool_returned", {**asked, "latency": 0.25, "success": True, "state": "ok"})
    ]


@pytest.mark.parametrize(("unknown", "state"), [(False, "failed"), (True, "unknown")])
def test_a_tool_call_that_went_wrong_says_how(teller, unknown, state):
    body = ToolReturned("c-9", "look", ok=False, seconds=0.5, error="E: x", unknown=unknown)
    told = {"tool": "look", "api": None, "args_hash": None}
    assert short(teller.tell(body)) == [
        ("tool_returned", {**told, "latency": 0.5, "success": False, "state": state})
    ]


def test_a_search_tells_how_much_it_found(teller):
    query = Raw(b'{"query":["tea","leaves"]}')
    teller.tell(ToolCalled("c-1", "files.search", query))
    found = [{"root": "d", "path": path, "text": "…"} for path in ("a", "a", "b")]
    result = Raw(json.dumps(found).encode())
    back = ToolReturned("c-1", "files.search", ok=True, seconds=0.25, result=result)
    assert short(teller.tell(back))[1:] == [
        (
            "search_completed",
            {
                "query_terms": ["tea", "leaves"],
                "page_count": 2,
                "selected_count": 3,
                "time_spent": 0.25,
            },
        )
    ]


@pytest.mark.parametrize("result", [b"null", b'"x"', b'[{"n":1}]'])
def test_another_tool_of_that_name_is_no_search(teller, result):
    teller.tell(ToolCalled("c-1", "files.search", Raw(b'{"query":"tea"}')))
    back = ToolReturned("c-1", "files.search", ok=True, seconds=0.0, result=Raw(result))
    assert [kind for kind, _ in short(teller.tell(back))] == ["tool_returned"]


def test_other_events_have_no_form_in_the_dialect(teller):
    assert teller.tell(AgentText("delta")) == []


def test_a_batch_that_is_sent_again_says_the_same(teller):
    bodies = (SUBMITTED, TaskQueued(), TaskRunning(1), TaskSucceeded(Raw(b"1")))
    first = [teller.tell(body) for body in bodies]
    assert [teller.said(event) for event in teller.events[2:]] == first[2:]
    assert [teller.said(event) for event in teller.events] == first
    (after,) = short(teller.tell(TaskQueued()))
    assert after == moved(None, "queued", None, None)


def test_a_stream_that_is_filled_anew_begins_anew(monkeypatch):
    monkeypatch.setattr("retinue.bus.redis.dialects.agent_events._AGAIN", 3)
    teller = Teller()
    bodies = (SUBMITTED, TaskQueued(), SCHEDULED, TaskRunning(1), TaskSucceeded(Raw(b"1")))
    first = [teller.tell(body) for body in bodies]
    assert [teller.said(event) for event in teller.events] == first
