"""Whether an answer holds: the critic's decision, once the model has quoted its evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from retinue.plugins.llm import prompts
from retinue.plugins.system.files.search import question_stems
from retinue.plugins.system.files.stems import stems

__all__ = ["Review", "review"]


class Review(msgspec.Struct, frozen=True):
    """What the critic says; ``objection`` is empty for a supported answer."""

    supported: bool
    evidence: str = ""
    objection: str = ""


def review(question: str, answer: str, quoted: str, texts: Sequence[str]) -> Review:
    """Compare the answer with what the model ``quoted``, then with the texts' closest sentence.

    A true sentence is no answer when another one speaks of the question far more: the small
    model takes such neighbours.
    """
    closest = " ".join(prompts.best_sentences(answer, texts, 1))
    verdicts = (prompts.verdict(answer, said, texts) for said in (quoted, closest))
    evidence = next((verdict.evidence for verdict in verdicts if verdict.supported), "")
    if not evidence:
        return Review(supported=False, objection="the passages do not say that")
    passed_over = _passed_over(question, answer, texts)
    if passed_over:
        return Review(False, evidence, f"it says nothing of {', '.join(passed_over)}")
    return Review(True, evidence)


def _passed_over(question: str, answer: str, texts: Sequence[str]) -> list[str]:
    """Words of the question that the best sentence has and the answer lacks, when they are many."""
    best = " ".join(prompts.best_sentences(question, texts, 1))
    possible = set(question_stems([question])) & set(stems(best))
    lacking = possible - set(stems(answer))
    if 2 * len(lacking) < len(possible):
        return []
    return [word.strip("?!.,;:") for word in question.split() if lacking & set(stems(word))]
