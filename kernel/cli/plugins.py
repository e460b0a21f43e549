"""``retinue plugins``."""

from __future__ import annotations

from typing import Any

import click

from retinue.bus.errors import InvalidInput
from retinue.bus.views import PluginView

from ..client import under
from ..text import shown
from .options import Cli, common, json_input
from .output import Column, json_line, listing, record, value

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("PLUGIN", lambda p: p.name),
    ("VERSION", lambda p: p.version),
    ("STATE", lambda p: p.state),
    ("SOURCE", lambda p: p.source),
    ("TOOLS", lambda p: list(p.tools)),
    ("ERROR", lambda p: shown(p.error, 100)),
)


@click.group("plugins")
def command() -> None:
    """List and show plugins, and call their tools."""


@command.command("list")
@common
def _list(cli: Cli) -> None:
    """List plugins and their tools."""
    views = cli.client.get("/v1/plugins", list[PluginView])
    listing(cli, views, _COLUMNS, "no plugins are loaded: see `retinue config show`")


@command.command("show")
@click.argument("name")
@common
def _show(cli: Cli, name: str) -> None:
    """Show one plugin: each of its tools, and the arguments that it takes."""
    view = cli.client.get(under("plugins", name), PluginView)
    fields: list[tuple[str, object]] = [(title.lower(), read(view)) for title, read in _COLUMNS[:4]]
    tools = [(tool, shown(about, 2000)) for tool, about in view.tools.items()]
    record(cli, view, [*fields, *tools, ("error", view.error)])


@command.command("invoke")
@click.argument("tool")
@click.option("--args", default="{}", metavar="JSON|-|@FILE", help="The tool's arguments.")
@click.option(
    "--timeout", type=click.FloatRange(0, 600, min_open=True), default=30.0, help="Seconds.  [30]"
)
@common
def _invoke(cli: Cli, tool: str, args: str, timeout: float) -> None:
    r"""Call a tool as an operator, outside any task.

    \b
    Examples:
      retinue plugins invoke clock.now
      retinue plugins invoke files.search --args '{"query": ["priority"]}'
    """
    given = json_input(args, "arguments")
    if not isinstance(given, dict):
        raise InvalidInput("the arguments have to be a JSON object, names to values")
    body = {"args": given, "timeout": timeout}
    answer = cli.client.post(under("tools", tool, "invoke"), dict[str, Any], body, wait=timeout)
    json_line(answer) if cli.as_json else value(cli, answer["result"])
