"""What the agents decide by: plain sentences, passages to the point, and the critic's review."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.kernel.demo.passages import plain, to_the_point
from retinue.kernel.demo.review import review

TEXTS = ["Priority 9 is the most urgent. The default priority is 5.", "Tasks wait for their turn."]
QUESTION = "Which priority is the most urgent?"


@pytest.mark.parametrize(
    ("markdown", "sentences"),
    [
        ("One line\ngoes on.", "One line goes on."),
        ("Without a stop", "Without a stop."),
        ("- tea\n- `milk`!", "tea. milk!"),
        ("| who | owns |\n| --- | --- |\n| Anna | tea, cups |", "who: owns. Anna: tea, cups."),
        ("See [the *guide*](guide.md).", "See the guide."),
        ("```python\nx = 1\n```", "x = 1."),
        ("a_b and __c__", "a_b and c."),
        ("It ends.\n[`tests/a.py::test_it`]\n[`x`](x.md) too.", "It ends. x too."),
        ("2. Second\n   goes on", "Second. goes on."),
        ("", ""),
        ("---", ""),
    ],
)  # fmt: skip
def test_markdown_becomes_sentences(markdown, sentences):
    assert plain(markdown) == sentences


@given(st.text(alphabet="ab |-*`_[]()#.\n", max_size=200))
def test_plain_text_is_one_line_without_marks_of_code_whatever_comes(text):
    found = plain(text)
    assert "\n" not in found
    assert "`" not in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Priority 9 is the most urgent.", True),
        ("The default priority is 5.", False),
        ("Nothing of it.", False),
    ],
)
def test_a_passage_is_to_the_point_when_it_has_more_than_half_of_the_question(text, found):
    hit = {"path": "a.md", "heading": "", "text": text}
    assert to_the_point(QUESTION, [hit], 2) == ([hit] if found else [])


def test_headings_and_paths_count_for_what_a_passage_is_about():
    hit = {"path": "priority.md", "heading": "Urgent things", "text": "It is 9."}
    assert to_the_point(QUESTION, [hit], 2) == [hit]


def test_no_more_passages_than_wanted_come_and_the_fullest_first():
    texts = [
        "An urgent priority.",
        "A priority. It is most important. Not urgent.",
        "Nine is the most urgent priority.",
        "The most urgent one has priority.",
        "Nothing.",
    ]
    hits = [{"path": f"{n}.md", "heading": "", "text": text} for n, text in enumerate(texts)]
    assert to_the_point(QUESTION, hits, 9) == [hits[2], hits[3], hits[1], hits[0]]
    assert to_the_point(QUESTION, hits, 1) == [hits[2]]


@pytest.mark.parametrize(
    ("answer", "quoted", "objection"),
    [
        ("Priority 9 is the most urgent.", "Priority 9 is the most urgent.", ""),
        ("The most urgent priority is 9.", "Priority 9 is the most urgent.", ""),
        ("Priority 9 is the most urgent.", "Nonsense that is nowhere.", ""),
        ("The most urgent priority is 9.", "Nonsense that is nowhere.", ""),
        ("The most urgent priority is 7.", "Nonsense that is nowhere.", "the passages do not say that"),
        ("Priority 7 is the most urgent.", "Priority 9 is the most urgent.", "the passages do not say that"),
        ("The default priority is 5.", "The default priority is 5.", "it says nothing of most, urgent"),
        ("", "Priority 9 is the most urgent.", "the passages do not say that"),
    ],
)  # fmt: skip
def test_the_critic_objects_to_what_is_not_said_and_to_what_is_beside_the_point(
    answer, quoted, objection
):
    found = review(QUESTION, answer, quoted, TEXTS)
    assert (found.supported, found.objection) == (not objection, objection)


def test_the_evidence_is_a_sentence_of_the_passages():
    found = review(QUESTION, "The most urgent priority is 9.", TEXTS[0], TEXTS)
    assert "Priority 9 is the most urgent." in found.evidence
