"""Text for a terminal: nothing that an event carries may steer it. All pure."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, TextIO

from retinue.bus.views import JournalView

__all__ = [
    "ago",
    "arguments",
    "bounds",
    "cut",
    "duration",
    "kept",
    "log_data",
    "one_line",
    "painted",
    "safe",
    "shown",
    "size",
]

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
_STYLES = {"bold": 1, "dim": 2, **_COLOURS}
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe(text: str) -> str:
    """Without escape sequences, bells and direction marks; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _steers(c) else f"\\x{ord(c):02x}" for c in text)


def one_line(text: str) -> str:
    """The same, on one line."""
    return " ".join(safe(text).split())


def cut(text: str, width: int) -> str:
    """At most ``width`` characters, with an ellipsis when something was left out."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def shown(value: Any, width: int = 60) -> str:
    """A JSON value on one line, cut at ``width``."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cut(one_line(text), width)


def arguments(args: Any, width: int = 60) -> str:
    """Arguments as in a call: ``query="x", limit=3``."""
    if not isinstance(args, Mapping):
        return shown(args, width)
    parts = (f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in args.items())
    return cut(one_line(", ".join(parts)), width)


def log_data(data: Any, width: int = 100, field: int = 60) -> str:
    """An event's body on one line: ``tool=files.read ok=true``; each field is cut at ``field``."""
    if not isinstance(data, Mapping):
        return shown(data, width)
    fields = (f"{k}={shown(v, field)}" for k, v in data.items() if k not in ("type", "schema"))
    return cut(" ".join(fields), width)


def duration(seconds: float) -> str:
    """``12 ms``, ``3.4 s``, ``5 min 2 s`` or ``3 h 7 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(nbytes: int) -> str:
    """``640 bytes``, ``12 KiB``, ``3.4 MiB`` or ``1.2 GiB``."""
    if nbytes < 1 << 10:
        return f"{nbytes} bytes"
    for unit, power in (("KiB", 10), ("MiB", 20)):
        if nbytes < 1 << (power + 10):
            return f"{nbytes / (1 << power):.{0 if unit == 'KiB' else 1}f} {unit}"
    return f"{nbytes / (1 << 30):.1f} GiB"


def ago(then: float | None, now: float) -> str:
    """How long ago a moment was, or a dash."""
    return "-" if then is None else duration(max(0.0, now - then))


def painted(text: str, style: str, *, color: bool) -> str:
    """The text in a style (``dim``, ``red``, …), or plain."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text


def color_wanted(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Whether to colour: on a terminal that can, unless ``NO_COLOR`` is set (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _steers(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in _DIRECTION


def kept(view: JournalView) -> str:
    """What the journal keeps, on one line."""
    held = f", held by {', '.join(view.held_by)}" if view.held_by else ""
    trouble = f", the last trim was given up: {view.trouble}" if view.trouble else ""
    if view.kind == "memory":
        return f"{view.first:,} to {view.last:,}, in memory, at most {view.max_events:,}"
    return f"{view.first:,} to {view.last:,}, {size(view.bytes)}, {bounds(view)}{held}{trouble}"


def bounds(view: JournalView) -> str:
    """The bounds that are set, in words."""
    said = [
        f"{view.max_events:,} events" if view.max_events else "",
        size(view.max_bytes) if view.max_bytes else "",
        duration(view.max_age) if view.max_age else "",
    ]
    found = " or ".join(text for text in said if text)
    return f"at most {found}" if found else "without a bound"
