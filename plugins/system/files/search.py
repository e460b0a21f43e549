"""Which passages answer a question: BM25 over stems, headings and coverage. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .passages import Passage
from .stems import STOP_WORDS, stems

__all__ = ["Hit", "Indexed", "index", "question_stems", "rank"]

# Robertson's usual k1; b below his 0.75, because passages are all about the same size. Tried on
# 28 questions over dense documents; a bonus for words that stand together gained nothing there.
_K1, _B = 1.2, 0.5
_HEADING_WEIGHT = 0.75
_PATH_WEIGHT = 0.5
_COVER = 0.7


class Indexed(NamedTuple):
    """A passage with the weight of each stem in it, and its length in words."""

    passage: Passage
    weights: dict[str, float]
    words: int


class Hit(NamedTuple):
    """A passage and how well it answers; scores compare within one search only."""

    source: int
    passage: Passage
    score: float


def index(passage: Passage, path: str) -> Indexed:
    """Count what the passage, the headings above it and its path say."""
    body = stems(passage.text)
    weights: dict[str, float] = dict(Counter(body))
    for found, weight in ((stems(passage.heading), _HEADING_WEIGHT), (stems(path), _PATH_WEIGHT)):
        for word in set(found):
            weights[word] = weights.get(word, 0.0) + weight
    return Indexed(passage, weights, len(body))


def question_stems(words: Iterable[str]) -> list[str]:
    """The different stems to look for; words that any question has count only when alone."""
    said = [word for text in words for word in text.split()]
    telling = [word for word in said if word.strip("?!.,;:'\"()").lower() not in STOP_WORDS]
    return list(dict.fromkeys(found for word in telling or said for found in stems(word)))


def rank(sources: Sequence[Sequence[Indexed]], wanted: Sequence[str], limit: int) -> list[Hit]:
    """The best passages, best first; ties in the order of the sources and lines."""
    every = [entry for source in sources for entry in source]
    if not every:
        return []
    mean = sum(entry.words for entry in every) / len(every) or 1.0
    rarity = {word: _rarity(sum(word in e.weights for e in every), len(every)) for word in wanted}
    hits = [
        Hit(number, entry.passage, score)
        for number, source in enumerate(sources)
        for entry in source
        if (score := _score(entry, rarity, mean)) > 0
    ]
    hits.sort(key=lambda hit: (-hit.score, hit.source, hit.passage.line))
    return hits[:limit]


def _rarity(holders: int, total: int) -> float:
    return math.log(1 + (total - holders + 0.5) / (holders + 0.5))


def _score(entry: Indexed, rarity: dict[str, float], mean: float) -> float:
    """BM25, times the share of the question (by rarity) that the passage covers at all."""
    norm = _K1 * (1 - _B + _B * entry.words / mean)
    total = covered = 0.0
    for word, rare in rarity.items():
        weight = entry.weights.get(word, 0.0)
        if weight:
            total += rare * weight * (_K1 + 1) / (weight + norm)
            covered += rare
    return total * (1 - _COVER + _COVER * covered / sum(rarity.values())) if total else 0.0
