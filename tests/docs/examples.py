"""The fenced blocks of a page, and what each of them asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One block: ``run`` it, save it as ``file=NAME``, or expect it as the last one's ``output``."""

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """Where it stands, as an editor takes it."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The name to save it under."""
        return next((m.removeprefix("file=") for m in self.marks if m.startswith("file=")), None)


def blocks(page: Path, root: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            str(page.relative_to(root)),
            text.count("\n", 0, found.start()) + 1,
            found[1],
            tuple(found[2].split()),
            found[3],
        )
        for found in _FENCE.finditer(text)
    ]


def fits(expected: str, printed: str) -> bool:
    """Whether the lines are equal; ``…`` stands for any text in a line, alone for any lines."""
    parts = []
    for line in expected.rstrip().splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line.rstrip()).replace("…", ".*?") + r"[ \t]*\n")
    whole = printed.rstrip()
    return re.fullmatch("".join(parts), f"{whole}\n" if whole else "") is not None
