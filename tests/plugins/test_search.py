"""Stems, passages and ranking: pure, and good enough for questions over Markdown documents."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.plugins.system.files.passages import split
from retinue.plugins.system.files.search import index, question_stems, rank
from retinue.plugins.system.files.stems import stem, stems

# From the examples in M. F. Porter, "An algorithm for suffix stripping", 1980.
PORTER = """caresses caress ponies poni ties ti cats cat feed feed agreed agre plastered plaster bled
bled motoring motor sing sing conflated conflat troubled troubl sized size hopping hop tanned tan
falling fall hissing hiss fizzed fizz failing fail filing file happy happi sky sky relational relat
conditional condit rational ration digitizer digit operator oper feudalism feudal decisiveness decis
hopefulness hope callousness callous sensitiviti sensit triplicate triplic formative form formalize
formal electrical electr goodness good revival reviv allowance allow inference infer airliner airlin
adjustable adjust defensible defens irritant irrit replacement replac adjustment adjust dependent
depend adoption adopt communism commun activate activ effective effect bowdlerize bowdler probate
probat rate rate cease ceas controll control roll roll""".split()  # noqa: SIM905


@pytest.mark.parametrize(("word", "expected"), list(zip(PORTER[::2], PORTER[1::2], strict=True)))
def test_a_stem_is_porter_s(word, expected):
    assert stem(word) == expected


@pytest.mark.parametrize(
    "family",
    [
        ["retry", "retries", "retried", "Retrying"],
        ["cancel", "cancels", "cancelled", "CANCELLING"],
        ["schedule", "schedules", "scheduling", "scheduler"],
        ["Élan", "elan", "élan"],
        ["Straße", "strasse"],
        ["\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL A}" * 3, "aaa"],
    ],
)
def test_words_of_one_family_have_one_stem(family):
    assert len({stem(word) for word in family}) == 1


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=30))
def test_stems_never_fail_and_stemming_is_folded(text):
    assert all(found and found == found.casefold() for found in stems(text))


def test_names_in_code_are_found_by_their_parts():
    assert stems("SubmitTask") == [stem("submittask"), stem("submit"), stem("task")]
    assert stems("max_open_files") == [stem("max"), stem("open"), stem("files")]
    assert stems("HTTPServer2") == ["httpserver2", "http", "server2"]


PAGE = """---
title: x
---
# Guide

Intro line one
and two.

## Install ##

Run these:

```sh
# not a heading

pip install it
```

- first
- second

- third

Setup
-----
Text | under

#NoHeading

~~~~
```
open to the end
"""


def test_a_page_is_split_into_paragraphs_with_headings_and_lines():
    assert [(p.line, p.heading, p.text) for p in split(PAGE)] == [
        (6, "Guide", "Intro line one\nand two."),
        (11, "Guide > Install", "Run these:\n\n```sh\n# not a heading\n\npip install it\n```"),
        (19, "Guide > Install", "- first\n- second\n\n- third"),
        (26, "Guide > Setup", "Text | under"),
        (28, "Guide > Setup", "#NoHeading"),
        (30, "Guide > Setup", "~~~~\n```\nopen to the end"),
    ]


def test_a_deeper_heading_ends_with_the_next_higher_one():
    headings = [p.heading for p in split("# A\n\n### C\n\nx\n\n## B\n\ny\n\n# D\n\nz")]
    assert headings == ["A > C", "A > B", "D"]


def test_code_has_no_headings():
    assert [p.heading for p in split("# comment\n\nx = 1\n", "a.py")] == ["", ""]


def test_a_long_list_is_cut_between_its_items():
    items = "\n".join(f"- item {n} " + "word " * 20 for n in range(20))
    pieces = split(items)
    assert 4 < len(pieces) < 10
    assert all(p.text.startswith("- item ") for p in pieces)
    assert "\n".join(p.text for p in pieces) == items
    assert items.split("\n")[pieces[3].line - 1] == pieces[3].text.split("\n")[0]


def test_long_lines_of_code_with_nothing_between_are_cut_there():
    code = f"```\n{'a' * 1300}\n\n\n{'b' * 1300}\n\n\n```"
    assert [(p.line, p.text[0]) for p in split(code)] == [(1, "`"), (2, "a"), (5, "b"), (8, "`")]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="# -=`~\n\tab|:1.", max_size=300), st.sampled_from(["x.md", "x.py"]))
def test_no_line_of_text_is_lost_and_each_passage_stands_where_it_says(text, path):
    lines = text.split("\n")
    blanked = "\n".join(line if line.strip() else "" for line in lines)  # as between joined blocks
    for passage in split(text, path):
        assert passage.text.split("\n")[0] in lines[passage.line - 1 :]
        assert passage.text in text or passage.text in blanked


def test_what_is_joined_keeps_its_distance():
    assert [(p.line, p.text) for p in split("\nas:\n\n\n\n    x = 1\n")] == [
        (2, "as:\n\n\n\n    x = 1")
    ]


def test_words_that_every_question_has_do_not_count_unless_alone():
    assert question_stems(["What is the deadline of an ask?"]) == ["deadlin", "ask"]
    assert question_stems(["who", "is"]) == ["who", "is"]
    assert question_stems(["task tasks", "Task"]) == ["task"]


DOCS = {
    "tasks.md": """# Tasks

## Priority

Every task has a priority from 0 to 9, and 9 is the most urgent. The default is 5.

## Retries

A failed attempt is tried again after a pause that doubles each time, up to a minute.

## Cancelling

Cancelling a task reaches its children, its tools and its streams within one second.
""",
    "journal.md": """# The journal

The journal is the truth; everything else is derived from it.

Events are committed in groups before anybody is told of them. The default store keeps them in memory.
""",
    "redis.md": """# Observers

Programs tail what the kernel does over Redis. When the server is slow or away, the kernel goes on.

The private server listens on a Unix socket, and never on port 6379 unless it is asked to.
""",
}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which priority is the most urgent?", "9 is the most urgent"),
        ("How are failed attempts retried?", "tried again after a pause"),
        ("What happens to child tasks when I cancel?", "reaches its children"),
        ("What is the truth?", "The journal is the truth"),
        ("Where are events stored by default?", "keeps them in memory"),
        ("Does the kernel stop when Redis is slow?", "the kernel goes on"),
        ("port number", "6379"),
        ("CANCELLATION of a TASK", "reaches its children"),
    ],
)
def test_the_best_passage_answers_the_question(question, answer):
    sources = [[index(p, path) for p in split(text, path)] for path, text in DOCS.items()]
    best = rank(sources, question_stems([question]), 3)
    assert answer in best[0].passage.text.replace("\n", " ")
    assert [hit.score for hit in best] == sorted((hit.score for hit in best), reverse=True)


def test_a_rare_word_tells_more_than_a_common_one():
    texts = ["kernel kernel kernel kernel", "kernel lease", "kernel kernel", "kernel"]
    source = [index(split(text)[0], "x.md") for text in texts]
    assert rank([source], question_stems(["kernel lease"]), 1)[0].passage.text == "kernel lease"


def test_a_passage_without_any_of_the_words_is_no_hit():
    source = [index(split("nothing here")[0], "x.md")]
    assert rank([source], ["deadlin"], 5) == []
    assert rank([], ["deadlin"], 5) == []
    assert rank([source], [], 5) == []
