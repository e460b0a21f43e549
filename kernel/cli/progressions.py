"""``retinue progressions``."""

from __future__ import annotations

from typing import Any

import click

from ..client import under
from ..text import shown
from .options import Cli, common
from .output import Column, json_line, listing, note

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("PROGRESSION", lambda p: p["id"]),
    ("NAME", lambda p: p["name"]),
    ("LENGTH", lambda p: len(p["elements"])),
    ("ELEMENTS", lambda p: shown(", ".join(p["elements"]), 80)),
)


@click.group("progressions")
def command() -> None:
    """Keep orders of elements."""


@command.command("create")
@click.option("--name", default="", help="A name for people.")
@common
def _create(cli: Cli, name: str) -> None:
    r"""Begin an empty order of elements, and print its id.

    \b
    Example:
      retinue progressions create --name reading-list
    """
    made = cli.client.post("/v1/progressions", dict[str, Any], {"name": name})
    json_line(made) if cli.as_json else click.echo(made["id"])


@command.command("append")
@click.argument("progression")
@click.argument("elements", nargs=-1, required=True)
@common
def _append(cli: Cli, progression: str, elements: tuple[str, ...]) -> None:
    """Put elements at the end, in the given order."""
    path = under("progressions", progression, "append")
    grown = cli.client.post(path, dict[str, Any], {"elements": elements})
    json_line(grown) if cli.as_json else note(
        f"{progression} holds {len(grown['elements'])} elements"
    )


@command.command("list")
@common
def _list(cli: Cli) -> None:
    """List progressions."""
    found = cli.client.get("/v1/progressions", list[dict[str, Any]])
    empty = "no progressions yet: begin one with `retinue progressions create`"
    listing(cli, found, _COLUMNS, empty)


@command.command("show")
@click.argument("progression")
@common
def _show(cli: Cli, progression: str) -> None:
    """Print one progression as JSON, its elements' ids in order."""
    json_line(cli.client.get(under("progressions", progression), dict[str, Any]))
