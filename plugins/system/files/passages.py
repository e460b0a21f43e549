"""Text to passages: paragraph-sized pieces, each with its line and the headings above it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Passage", "split"]

_LONGEST = 1200
"""Characters from which a block is cut at a line's end."""
_ENOUGH = 300
"""Characters from which a list or a table is cut between two items or rows."""
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)[\s#]*\Z")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_BREAK = re.compile(r"([-*+]|\d{1,9}[.)])\s|\|")
_ITEM = re.compile(r"\s*([-*+]|\d{1,9}[.)])\s")
_MARKDOWN = (".md", ".markdown", ".mdx", ".rst", ".txt")


class Passage(NamedTuple):
    """``line`` is its first line, from 1; ``heading`` joins the headings above it with `` > ``."""

    line: int
    heading: str
    text: str


class _Block(NamedTuple):
    line: int
    heading: str
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def split(text: str, path: str = "x.md") -> list[Passage]:
    """The passages in order. Headings and fences are Markdown's, in files that may have them."""
    blocks = _blocks(text.split("\n"), marked=path.lower().endswith(_MARKDOWN))
    return [passage for block in _joined(blocks) for passage in _cut(block)]


def _blocks(lines: list[str], *, marked: bool) -> Iterator[_Block]:
    """Runs of lines between blank lines, headings taken out and fenced code kept whole."""
    titles: list[tuple[int, str]] = []
    block: list[str] = []
    fence = ""
    start = _after_front_matter(lines) if marked else 0
    for number, line in enumerate(lines[start:], start=start + 1):
        level, title = _heading(line, block) if marked and not fence else (0, "")
        underlined = level and _UNDERLINE.match(line)
        ends = not fence and (level or not line.strip())
        if not ends:
            block.append(line)
            fence = _fence_after(line, fence) if marked else ""
        elif block and not underlined:
            yield _Block(number - len(block), _path(titles), block)
        if ends:
            block = []
        if level:
            titles = [t for t in titles if t[0] < level] + [(level, title)]
    if block:
        yield _Block(len(lines) + 1 - len(block), _path(titles), block)


def _heading(line: str, above: list[str]) -> tuple[int, str]:
    """Level and title, of ``# Title`` or of a single line that this one underlines."""
    found = _HEADING.match(line)
    if found:
        return len(found[1]), found[2]
    if len(above) == 1 and _UNDERLINE.match(line) and not _ITEM.match(above[0]):
        return (1 if "=" in line else 2), above[0].strip()
    return 0, ""


def _fence_after(line: str, fence: str) -> str:
    """The fence that is open after the line: its marks, or nothing."""
    found = _FENCE.match(line)
    if not fence:
        return found[1] if found else ""
    closes = found and found[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _after_front_matter(lines: list[str]) -> int:
    if lines[:1] == ["---"] and "---" in lines[1:]:
        return lines.index("---", 1) + 1
    return 0


def _path(titles: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in titles if title)


def _joined(blocks: Iterator[_Block]) -> Iterator[_Block]:
    """Join what belongs together: ``such as:`` and what follows, and the items of one list."""
    last: _Block | None = None
    for block in blocks:
        if last is not None and _belongs(block, last):
            between = [""] * (block.line - last.line - len(last.lines))
            last = last._replace(lines=[*last.lines, *between, *block.lines])
            continue
        if last is not None:
            yield last
        last = block
    if last is not None:
        yield last


def _belongs(block: _Block, last: _Block) -> bool:
    if block.heading != last.heading or len(last.text) + len(block.text) > _LONGEST:
        return False
    continues = _ITEM.match(last.lines[0]) and (
        _ITEM.match(block.lines[0]) or block.lines[0][0] == " "
    )
    return last.lines[-1].rstrip().endswith(":") or bool(continues)


def _cut(block: _Block) -> Iterator[Passage]:
    """The block, in pieces of whole lines that are not too long."""
    piece: list[str] = []
    line, size = block.line, 0
    for text in block.lines:
        if size + len(text) > _LONGEST or (size > _ENOUGH and _BREAK.match(text)):
            if any(piece):
                yield _passage(line, block.heading, piece)
            line, piece, size = line + len(piece), [], 0
        piece.append(text)
        size += len(text) + 1
    if any(piece):
        yield _passage(line, block.heading, piece)


def _passage(line: int, heading: str, lines: list[str]) -> Passage:
    blank = next(n for n, text in enumerate(lines) if text)
    return Passage(line + blank, heading, "\n".join(lines[blank:]).rstrip("\n"))
