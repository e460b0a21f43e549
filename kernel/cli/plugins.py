"""``retinue plugins``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from retinue.bus.views import PluginView

from ..client import under
from ..text import shown
from . import plugins_attack, plugins_check, plugins_invoke, plugins_load, plugins_new
from .options import Cli, common
from .output import Column, listing, record
from .plugins_load import plugin_name

__all__ = ["command", "takes"]

_COLUMNS: tuple[Column, ...] = (
    ("PLUGIN", lambda p: p.name),
    ("VERSION", lambda p: p.version),
    ("STATE", lambda p: p.state),
    ("SOURCE", lambda p: p.source),
    ("LEVEL", lambda p: p.level),
    ("CALLS", lambda p: p.calls if p.digest else ""),
    ("TOOLS", lambda p: list(p.tools)),
    ("ERROR", lambda p: shown(p.error, 100)),
)


@click.group("plugins")
def command() -> None:
    """Make, check, load and show plugins, and call their tools."""


@command.command("list")
@common
def _list(cli: Cli) -> None:
    """List plugins and their tools."""
    views = cli.client.get("/v1/plugins", list[PluginView])
    empty = (
        "no plugins are loaded: make one with `retinue plugins new NAME`, and load it with "
        "`retinue plugins load NAME`"
    )
    listing(cli, views, _COLUMNS, empty)


@command.command("show")
@plugin_name
@common
def _show(cli: Cli, name: str) -> None:
    """Show one plugin: the walls around it, what it was granted, its tools and their arguments."""
    view = cli.client.get(under("plugins", name), PluginView)
    record(cli, view, [*_about(view), *_tools(view), ("error", view.error)])


def _about(view: PluginView) -> list[tuple[str, object]]:
    fields: list[tuple[str, object]] = [
        ("plugin", view.name),
        ("version", view.version),
        ("state", view.state),
        ("source", view.source),
    ]
    if not view.digest:
        return fields
    walls = f"{view.level}: {', '.join(view.layers)}" if view.layers else view.level
    may = view.permissions or ("nothing beyond computing",)
    return [
        *fields,
        ("runtime", view.runtime),
        ("walls", walls),
        *zip(("may", *[""] * len(may)), may, strict=False),
        ("content", view.digest),
        ("pid", view.pid or ""),
        ("calls", view.calls),
        ("agents", list(view.agents)),
    ]


def _tools(view: PluginView) -> list[tuple[str, object]]:
    """Each with what it takes, and below it what it is for."""
    lines: list[tuple[str, object]] = []
    for tool, about in view.tools.items():
        lines += [(tool, takes(about.get("schema", {}))), ("", shown(about["description"], 200))]
        lines += [("", f"passes {' → '.join(about['pipeline'])}")] if about.get("pipeline") else []
    return lines


def takes(schema: Mapping[str, Any]) -> str:
    """The arguments that a schema speaks of: ``text: string, limit: integer = 5``."""
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required") or ()
    said = [_argument(name, part, name in required) for name, part in known.items()]
    return shown(f"({', '.join(said)})", 400)


def _argument(name: str, part: object, required: bool) -> str:  # noqa: FBT001
    given = part if isinstance(part, Mapping) else {}
    kind = given.get("type", "any")
    told = f"{name}: {'|'.join(map(str, kind)) if isinstance(kind, list) else kind}"
    return told if required else f"{told} = {shown(given.get('default'), 40)}"


for _part in (
    plugins_new.command,
    plugins_check.command,
    plugins_load.load,
    plugins_load.unload,
    plugins_load.revoke,
    plugins_load.release,
    plugins_invoke.command,
    plugins_attack.command,
):
    command.add_command(_part)
