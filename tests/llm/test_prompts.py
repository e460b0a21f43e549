from __future__ import annotations

import asyncio

import pytest

from retinue.bus.errors import InvalidInput
from retinue.plugins.llm import complete, prompts

PASSAGES = {
    "Which priority is the most urgent?": (
        "Priority goes from 0 to 9. The most urgent is 9, and 5 is the default.",
        "9",
    ),
    "How long does an ask wait by default?": (
        "Every ask has a deadline. The default is 30 seconds.",
        "30",
    ),
    "Where are events stored?": (
        "Events are stored in the journal, an SQLite database in the state folder.",
        "journal",
    ),
    "What happens to messages behind a crash?": (
        "Messages queued behind a crash become dead letters, with the reason.",
        "dead letters",
    ),
    "Who patented the telephone?": (
        "The telephone was patented by Alexander Graham Bell in 1876.",
        "Bell",
    ),
}
OTHER = "The river Danube flows through ten countries. It ends in the Black Sea."
TEXT = ["Events are stored in the journal, in the state folder. It is small."]


def ask(model, prompt):
    return asyncio.run(complete(model, prompt.messages, **prompt.options())).text


@pytest.mark.model
def test_a_real_small_model_answers_with_the_fact_of_a_passage(local_model):
    right = 0
    for question, (passage, fact) in PASSAGES.items():
        passages = [OTHER, passage]
        said = ask(local_model, prompts.answer(question, passages))
        right += fact in prompts.read_quote(said, passages)
    assert right >= len(PASSAGES) - 1


@pytest.mark.model
def test_a_real_small_model_plans_keywords_of_the_question(local_model):
    question = "What does the scheduler do when all slots are taken?"
    words = prompts.read_keywords(question, ask(local_model, prompts.keywords(question)))
    assert len(words) == len(set(words)) == 3
    assert "scheduler" in words


@pytest.mark.model
@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("Events are stored in the journal.", True),
        ("Events are stored in Redis by the mail server.", False),
        ("The most urgent priority is 9.", False),
    ],
)
def test_a_verdict_rests_on_evidence_that_a_real_small_model_quotes(local_model, claim, supported):
    said = ask(local_model, prompts.evidence(claim, TEXT))
    assert prompts.verdict(claim, said, TEXT).supported is supported


@pytest.mark.parametrize(
    ("claim", "quoted", "supported"),
    [
        ("The journal stores events.", "Events are stored in the journal", True),
        ("The journal stores 5 events.", "Events are stored in the journal", False),
        ("Events stored in the journal by Kafka.", "Events are stored in the journal", False),
        ("Cats sleep all day.", "Cats sleep all day.", False),
        ("", "Events are stored in the journal", False),
    ],
)
def test_a_claim_needs_its_numbers_names_and_words_in_what_was_really_quoted(
    claim, quoted, supported
):
    assert prompts.verdict(claim, quoted, TEXT).supported is supported


def test_a_quote_keeps_what_stands_in_the_passages_and_drops_what_was_invented():
    said = "Events are stored in the journal. The moon is made of cheese. It is small."
    assert prompts.read_quote(said, TEXT) == TEXT[0]


def test_an_invented_answer_is_cut_to_its_first_sentence():
    assert prompts.read_quote("The moon. Is made. Of ch", TEXT) == "The moon."


def test_the_best_sentences_come_first_whatever_their_order():
    assert prompts.best_sentences("Where do events go?", [OTHER, *TEXT], 1) == [
        "Events are stored in the journal, in the state folder."
    ]


def test_keywords_are_each_there_once_and_filled_up_from_the_question():
    said = '{"keywords": ["stops", "stops"]}'
    assert prompts.read_keywords("What stops a child?", said) == ("stops", "child")


def test_a_question_without_a_word_is_refused():
    with pytest.raises(InvalidInput, match="no word to search for"):
        prompts.keywords("What is it?")
