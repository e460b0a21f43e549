"""Prompts that a very small model answers reliably, and the reading of what it answers.

Measured with SmolLM2-135M: of 24 questions over three passages each, 20 got the sentence with
the fact. Asked whether a text says so, it answers no to everything, whatever the schema and the
examples; so a verdict is decided by comparing the claim with what the model quotes for it: right
for 11 of 12 true claims and 24 of 24 false ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput

from .model import Message, Schema
from .parsing import first_json

__all__ = [
    "Prompt",
    "Verdict",
    "answer",
    "best_sentences",
    "evidence",
    "keywords",
    "read_keywords",
    "read_quote",
    "verdict",
]

_QUOTE = 'The text says: "'
_ENOUGH = 0.5  # of a claim's words
_EXACT = re.compile(r"\d+|(?<=[a-z,] )[A-Z][a-z]+")  # numbers and names
_SHORTEST = 8  # letters of a quote
_KEPT = 5  # letters of a word, so that "stored" meets "stores"
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a all an and are at be by can did do does every for from has have how in is it its long "
        "many most much of on or that the their there these they this to was were what when where "
        "which who whom whose why will with you",
    )
)


class Prompt(msgspec.Struct, frozen=True):
    """What to ask: ``complete(model, prompt.messages, **prompt.options())``."""

    messages: tuple[Message, ...]
    schema: Schema | None = None
    max_tokens: int = 64
    stop: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """The keywords for ``stream`` and ``complete``."""
        return {"schema": self.schema, "max_tokens": self.max_tokens, "stop": self.stop}


class Verdict(msgspec.Struct, frozen=True):
    """Whether a claim is supported, and by what."""

    supported: bool
    evidence: str


def keywords(question: str) -> Prompt:
    """Ask which words of ``question`` to search for; see ``read_keywords``.

    Raises InvalidInput when it has no word to search for.
    """
    words = _content(question)
    if not words:
        raise InvalidInput(f"question {question!r}: no word to search for; ask with a noun in it")
    chosen = {"type": "array", "items": {"enum": words}, "minItems": 1, "maxItems": 3}
    schema = {
        "type": "object",
        "properties": {"keywords": chosen},
        "required": ["keywords"],
        "additionalProperties": False,
    }
    return Prompt((*_KEYWORD_SHOTS, Message("user", f"Question: {question}")), schema)


def read_keywords(question: str, text: str, count: int = 3) -> tuple[str, ...]:
    """The keywords in the model's ``text``, each once, filled up from ``question`` to ``count``.

    Raises msgspec.DecodeError when ``text`` is not what the schema asks for.
    """
    chosen = msgspec.json.decode(first_json(text), type=_Keywords).keywords
    return tuple(dict.fromkeys([*chosen, *_content(question)]))[:count]


def answer(question: str, passages: Sequence[str]) -> Prompt:
    """Ask for the one or two sentences of ``passages`` that answer; see ``read_quote``."""
    return _quoting(
        "Answer the question with one sentence from the text.",
        best_sentences(question, passages),
        f"Question: {question}",
    )


def evidence(claim: str, passages: Sequence[str]) -> Prompt:
    """Ask for what ``passages`` say about ``claim``; see ``read_quote`` and ``verdict``."""
    return _quoting(
        "Find the sentence of the text that the claim rests on.",
        best_sentences(claim, passages),
        f"Claim: {claim}",
    )


def read_quote(text: str, passages: Sequence[str], sentences: int = 2) -> str:
    """The first ``sentences`` of ``passages`` that the model's ``text`` quotes.

    Small models go on after the quote, and invent. Where it quotes nothing, the first whole
    sentence of ``text`` as it is: an answer that no verdict will support.
    """
    said = _sentences(text.strip().removeprefix(_QUOTE).strip('"'))
    there = _found(said, passages)
    whole = [sentence for sentence in said if sentence.endswith((".", "!", "?"))]
    return " ".join(there[:sentences] or (whole or said)[:1])


def verdict(claim: str, quoted: str, passages: Sequence[str]) -> Verdict:
    """Whether what ``quoted`` takes from ``passages`` supports ``claim``.

    It has to hold the claim's numbers, its names and half of its words.
    """
    found = " ".join(_found(_sentences(quoted), passages))
    said, claimed = _stems(found), _stems(claim)
    exact = {_stem(word) for word in _EXACT.findall(claim)}
    supported = exact <= said and len(claimed & said) >= max(1, _ENOUGH * len(claimed))
    return Verdict(supported, found)


def best_sentences(query: str, passages: Sequence[str], count: int = 2) -> list[str]:
    """The ``count`` sentences of ``passages`` that share most words with ``query``, best first."""
    wanted = _stems(query)
    sentences = [sentence for passage in passages for sentence in _sentences(passage)]
    ranked = sorted(sentences, key=lambda sentence: -len(wanted & _stems(sentence)))
    return ranked[:count]


def _stem(word: str) -> str:
    """The letters by which two forms of a word are taken for one."""
    return word.lower()[:_KEPT]


class _Keywords(msgspec.Struct):
    keywords: list[str]


_KEYWORD_SHOTS = (
    Message("user", "Question: How deep is the Pacific Ocean?"),
    Message("assistant", '{"keywords": ["Pacific", "Ocean", "deep"]}'),
    Message("user", "Question: Who wrote the novel Moby Dick?"),
    Message("assistant", '{"keywords": ["Moby", "Dick", "novel"]}'),
)


def _quoting(task: str, sentences: Sequence[str], asked: str) -> Prompt:
    text = "\n".join(sentences)
    return Prompt(
        (
            Message("system", task),
            Message("user", f"Text:\n{text}\n\n{asked}"),
            Message("assistant", _QUOTE),  # begun for it: it goes on by copying
        ),
        stop=('"', "\n"),
    )


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", " ".join(text.split())) if part]


def _found(said: Sequence[str], passages: Sequence[str]) -> list[str]:
    """The sentences of ``passages`` that ``said`` quotes, whole or in part, each once."""
    written = [sentence for passage in passages for sentence in _sentences(passage)]
    parts = [part for sentence in said if len(part := sentence.rstrip(".!?").lower()) >= _SHORTEST]
    quoted = (w for part in parts for w in written if part in w.lower())
    return list(dict.fromkeys(quoted))


def _content(text: str) -> list[str]:
    words = re.findall(r"[^\W_]{2,}", text)
    return list(dict.fromkeys(word for word in words if word.lower() not in _COMMON))


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"[^\W_]+", text) if word.lower() not in _COMMON}
