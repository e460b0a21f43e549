"""The team at work, with a model that says what a test wants."""

from __future__ import annotations

import pytest

from retinue.plugins.llm import ModelRefused

PLAN = '{"keywords": ["meeting"]}'
TRUE = "The next meeting is on Tuesday at ten."
FALSE = "The next meeting is on Friday at noon."
QUESTION = {"question": "When is the next meeting?"}


def test_a_supported_answer_is_handed_over_with_its_source(team):
    handed = _handed(team(PLAN, TRUE, TRUE))
    assert handed == {
        "answer": TRUE,
        "supported": True,
        "objection": "",
        "sources": [{"path": "meetings.md", "line": 3}],
    }


def test_an_unsupported_answer_goes_back_to_the_writer_once(team):
    kernel = team(PLAN, FALSE, TRUE, TRUE, TRUE)
    assert _handed(kernel)["answer"] == TRUE
    assert _order(kernel) == ["librarian", "writer", "critic", "writer", "critic"]


def test_an_answer_that_stays_unsupported_is_handed_over_as_such(team):
    kernel = team(PLAN, FALSE, TRUE, FALSE, TRUE)
    handed = _handed(kernel)
    assert (handed["supported"], handed["objection"]) == (False, "the passages do not say that")
    assert _order(kernel).count("writer") == 2


def test_a_folder_without_an_answer_is_not_asked_any_further(team):
    kernel = team('{"keywords": ["cat"]}')
    handed = _handed(kernel, {"question": "Who feeds the cat?"})
    assert handed["objection"] == "no passage in the folder speaks of this"
    assert (handed["answer"], handed["supported"], handed["sources"]) == ("", False, [])
    assert _order(kernel) == ["librarian"]


def test_the_librarian_searches_with_words_that_the_model_overlooked(team):
    kernel = team('{"keywords": ["ten"]}', TRUE, TRUE)
    _handed(kernel)
    search = next(e for e in kernel.events(follow=False) if e and e.type == "tool.called")
    assert search.data["args"]["query"] == ["ten", "next", "meeting"]


def test_a_plan_out_of_form_is_told_and_the_questions_own_words_do(team):
    kernel = team("I would look for meetings.", TRUE, TRUE)
    assert _handed(kernel)["supported"]
    thoughts = [
        e.data["text"] for e in kernel.events(follow=False) if e and e.type == "agent.thought"
    ]
    assert thoughts[0].startswith("the plan is out of form")
    assert thoughts[1] == "looking for next, meeting"


def test_what_the_writer_streams_is_its_answer(team):
    kernel = team(PLAN, "The next meeting is on Tuesday at ten", TRUE)
    task = kernel.submit("desk", QUESTION)
    said = "".join(e.data["delta"] for e in task.events(timeout=20) if e.type == "agent.text")
    assert said == task.result(timeout=20)["answer"] == TRUE


def test_only_the_librarian_has_tools(team):
    tools = {view.name: view.tools for view in team().agents()}
    assert tools["librarian"] == ("files.search", "files.read")
    assert tools["desk"] == tools["writer"] == tools["critic"] == ()


def test_a_model_that_refuses_fails_the_run_with_its_words(team):
    task = team(ModelRefused("model 'x' refused with HTTP 401: no", status=401)).submit(
        "desk", QUESTION
    )
    with pytest.raises(Exception, match="refused with HTTP 401"):
        task.result(timeout=20)


def _handed(kernel, given=None):
    return kernel.submit("desk", given or QUESTION).result(timeout=20)


def _order(kernel):
    """Who worked for the desk, in order."""
    submitted = [e for e in kernel.events(follow=False) if e and e.type == "task.submitted"]
    return [e.envelope.agent for e in submitted][1:]
