"""Answers on stdout: tables and records for people, one JSON object a line for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

from ..text import cut, one_line, painted, safe
from .options import Cli

__all__ = ["Column", "json_line", "listing", "note", "record", "value"]

Column = tuple[str, Callable[[Any], object]]
"""A title, and what stands below it for a view."""

_STATES = {
    "succeeded": "green",
    "running": "cyan",
    "live": "green",
    "failed": "red",
    "stalled": "red",
    "degraded": "yellow",
    "cancelled": "yellow",
}


def json_line(view: object) -> None:
    """One object on one line."""
    click.echo(msgspec.json.encode(view))


def listing(cli: Cli, views: Iterable[Any], columns: Sequence[Column], empty: str) -> None:
    """A row a view; ``empty`` is said (on stderr) when there is none."""
    found = list(views)
    if cli.as_json:
        for view in found:
            json_line(view)
    elif not found:
        note(empty)
    else:
        rows = [[_cell(read(view)) for _, read in columns] for view in found]
        _table([title for title, _ in columns], rows, cli)


def record(cli: Cli, view: object, fields: Sequence[tuple[str, object]]) -> None:
    """A name and a value a line; fields without a value are left out."""
    if cli.as_json:
        json_line(view)
        return
    told = [(name, _cell(found)) for name, found in fields if found not in ("", None, (), {}, [])]
    wide = max(len(name) for name, _ in told)
    for name, text in told:
        click.echo(
            f"{painted(f'{name:<{wide}}', 'dim', color=cli.color)}  {_stated(text, cli.color)}"
        )


def value(cli: Cli, result: Any) -> None:
    """A result: text as it is, anything else as JSON."""
    if isinstance(result, str) and not cli.as_json:
        click.echo(safe(result))
    else:
        data = msgspec.json.encode(result)
        click.echo(data if cli.as_json else msgspec.json.format(data, indent=2))


def note(text: str) -> None:
    """A word to people, on stderr."""
    click.echo(one_line(text), err=True)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], cli: Cli) -> None:
    wide = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    head = "  ".join(f"{title:<{w}}" for title, w in zip(titles, wide, strict=True))
    click.echo(painted(cut(head.rstrip(), cli.width), "dim", color=cli.color))
    for row in rows:
        line = cut(
            "  ".join(f"{c:<{w}}" for c, w in zip(row, wide, strict=True)).rstrip(), cli.width
        )
        click.echo(_coloured(line, row) if cli.color else line)


def _coloured(line: str, row: Sequence[str]) -> str:
    state = next((cell for cell in row if cell in _STATES), None)
    return line.replace(state, painted(state, _STATES[state], color=True), 1) if state else line


def _stated(text: str, color: bool) -> str:  # noqa: FBT001
    return painted(text, _STATES[text], color=color) if text in _STATES else text


def _cell(found: object) -> str:
    if found is None or found == "":
        return "-"
    if isinstance(found, (list, tuple)):
        return one_line(", ".join(map(str, found))) or "-"
    return one_line(str(found))
