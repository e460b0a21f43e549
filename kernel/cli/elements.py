"""``retinue elements``."""

from __future__ import annotations

from typing import Any

import click

from retinue.bus.errors import InvalidInput

from ..client import under
from ..text import shown
from .options import Cli, common, json_input
from .output import Column, json_line, listing
from .tasks import limit

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("ELEMENT", lambda e: e["id"]),
    ("CONTENT", lambda e: shown(e.get("content"), 80)),
    ("METADATA", lambda e: shown(e.get("metadata") or "", 60)),
)


@click.group("elements")
def command() -> None:
    """Keep, list and show elements: values with an id of their own."""


@command.command("create")
@click.argument("content", metavar="JSON|-|@FILE")
@click.option("--metadata", metavar="JSON", help="An object to keep beside it.")
@common
def _create(cli: Cli, content: str, metadata: str | None) -> None:
    r"""Keep a value, and print its id.

    \b
    Examples:
      retinue elements create '"a passage worth keeping"'
      retinue elements create @notes.json --metadata '{"source": "notes"}'
    """
    about = json_input(metadata, "metadata") if metadata else None
    if about is not None and not isinstance(about, dict):
        raise InvalidInput("the metadata have to be a JSON object, names to values")
    body = {"content": json_input(content, "content"), "metadata": about}
    made = cli.client.post("/v1/elements", dict[str, Any], body)
    json_line(made) if cli.as_json else click.echo(made["id"])


@command.command("list")
@limit
@common
def _list(cli: Cli, limit: int) -> None:
    """List elements, newest first."""
    found = cli.client.get("/v1/elements", list[dict[str, Any]], {"limit": limit})
    listing(cli, found, _COLUMNS, "no elements yet: keep one with `retinue elements create JSON`")


@command.command("show")
@click.argument("element")
@common
def _show(cli: Cli, element: str) -> None:
    """Print one element as JSON."""
    json_line(cli.client.get(under("elements", element), dict[str, Any]))
