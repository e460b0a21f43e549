"""What is taken from the documents: which passages are to the point, as plain sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from retinue.plugins.system.files.search import question_stems
from retinue.plugins.system.files.stems import stems

__all__ = ["Passage", "plain", "to_the_point"]

_FENCE = re.compile(r"^\s*(```|~~~).*$")
_RULE = re.compile(r"^[\s|:-]+$")
_BULLET = re.compile(r"^\s*([-*+]|\d{1,9}[.)]|>)\s+")
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
    """The first ``count`` of the ``hits`` of a search that speak of more than half of the question.

    A search always finds something; a small model would answer from it, whatever it says.
    """
    return [hit for hit in hits if _speaks_of(question, hit)][:count]


def plain(text: str) -> str:
    """Markdown as sentences: table rows and list items end with a stop, and marks are gone."""
    lines: list[str] = []
    for line in text.splitlines():
        if _FENCE.match(line) or (line.strip() and _RULE.match(line)):
            continue
        lines.append(_plain_line(line))
    return _stopped(" ".join(line for line in lines if line))


def _speaks_of(question: str, hit: Mapping[str, Any]) -> bool:
    wanted = question_stems([question])
    there = set(stems(f"{hit['path']} {hit['heading']} {hit['text']}"))
    return 2 * sum(stem in there for stem in wanted) > len(wanted)


def _plain_line(line: str) -> str:
    bare = _MARKS.sub("", _LINK.sub(r"\1", line)).strip()
    if bare.startswith("|"):
        first, *rest = _cells(bare)
        return _stopped(f"{first}: {', '.join(rest)}" if rest else first)
    item = _BULLET.sub("", bare)
    return _stopped(item) if item != bare else bare


def _cells(row: str) -> Sequence[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _stopped(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", ":")) else f"{text}."
