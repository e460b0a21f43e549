"""What a docstring says: a description, and one line for each parameter. Pure."""

from __future__ import annotations

import inspect
import re

__all__ = ["describe", "describe_parameters"]

_ENTRY = re.compile(r"(?P<name>\*{0,2}\w+)\s*(?:\([^)]*\))?:\s*(?P<text>.*)")
_SECTION = re.compile(r"[A-Z]\w+:\Z")


def describe(doc: str | None) -> str:
    """The first paragraph on one line; an empty string without a docstring."""
    paragraph = inspect.cleandoc(doc or "").split("\n\n", 1)[0]
    return " ".join(paragraph.split())


def describe_parameters(doc: str | None) -> dict[str, str]:
    """Name → description, from the ``Args:`` section as the Google style writes it."""
    found: dict[str, str] = {}
    name, margin = "", 0
    for line in _arguments(doc):
        indent = len(line) - len(line.lstrip())
        margin = margin or indent
        entry = _ENTRY.match(line.strip()) if indent <= margin else None
        if entry:
            name = entry["name"].lstrip("*")
            found[name] = entry["text"].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _arguments(doc: str | None) -> list[str]:
    """The indented lines under ``Args:``, up to the next section."""
    lines = inspect.cleandoc(doc or "").splitlines()
    if "Args:" not in lines:
        return []
    section = []
    for line in lines[lines.index("Args:") + 1 :]:
        if _SECTION.match(line) or (line and not line.startswith(" ")):
            break
        if line.strip():
            section.append(line)
    return section
