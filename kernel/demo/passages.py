"""What is taken from the documents: which passages are to the point, as plain sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from retinue.plugins.llm.prompts import best_sentences
from retinue.plugins.system.files.search import question_stems
from retinue.plugins.system.files.stems import stems

__all__ = ["Passage", "plain", "to_the_point"]

_FENCE = re.compile(r"^\s*(```|~~~).*$")
_RULE = re.compile(r"^[\s|:-]+$")
_BULLET = re.compile(r"^\s*([-*+]|\d{1,9}[.)]|>)\s+")
_REFERENCE = re.compile(r"\[`[^`]*`\](?!\()")  # names a piece of code, says nothing
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[`*]+|(?<!\w)_+|_+(?!\w)")


class Passage(msgspec.Struct, frozen=True):
    """A piece of a document, as plain sentences; ``line`` is its first one, from 1."""

    path: str
    line: int
    text: str


def to_the_point(
    question: str, hits: Iterable[Mapping[str, Any]], count: int
) -> list[Mapping[str, Any]]:
    """Those ``count`` of the ``hits`` that speak of most of the question, and of more than half.

    A search always finds something; a small model would answer from it, whatever it says.
    Among equals a sentence that has it all comes first, then the order of the search counts.
    """
    wanted = set(question_stems([question]))
    shared = [(_shared(wanted, question, hit), hit) for hit in hits]
    shared.sort(key=lambda pair: pair[0], reverse=True)
    return [hit for (whole, _), hit in shared if 2 * whole > len(wanted)][:count]


def plain(text: str) -> str:
    """Markdown as sentences: table rows and list items end with a stop, and marks are gone."""
    lines: list[str] = []
    for line in text.splitlines():
        if _FENCE.match(line) or (line.strip() and _RULE.match(line)):
            continue
        lines.append(_plain_line(line))
    return _stopped(" ".join(line for line in lines if line))


def _shared(wanted: set[str], question: str, hit: Mapping[str, Any]) -> tuple[int, int]:
    """How many of the stems are in the passage, with what stands above it, and in one sentence."""
    whole = stems(f"{hit['path']} {hit['heading']} {hit['text']}")
    [best] = best_sentences(question, [plain(hit["text"])], 1) or [""]
    return len(wanted & set(whole)), len(wanted & set(stems(best)))


def _plain_line(line: str) -> str:
    bare = _MARKS.sub("", _LINK.sub(r"\1", _REFERENCE.sub("", line))).strip()
    if bare.startswith("|"):
        first, *rest = _cells(bare)
        return _stopped(f"{first}: {', '.join(rest)}" if rest else first)
    item = _BULLET.sub("", bare)
    return _stopped(item) if item != bare else bare


def _cells(row: str) -> Sequence[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _stopped(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", ":")) else f"{text}."
