"""``retinue agents``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from retinue.bus.views import AgentView

from ..client import under
from ..text import ago, shown
from .allowing import permissions_in
from .options import Cli, common
from .output import Column, json_line, listing, note, record
from .tasks import reason

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("AGENT", lambda a: a.name),
    ("STATE", lambda a: a.state),
    ("ISOLATION", lambda a: a.isolation),
    ("RUNNING", lambda a: len(a.running)),
    ("QUEUED", lambda a: a.queued),
    ("DONE", lambda a: a.done),
    ("FAILED", lambda a: a.failed),
    ("STEP", lambda a: shown(a.step, 60)),
)


@click.group("agents")
def command() -> None:
    """List, spawn, show and stop agents."""


@command.command("list")
@common
def _list(cli: Cli) -> None:
    """List agents, what they do and what waits for them."""
    views = cli.client.get("/v1/agents", list[AgentView])
    listing(cli, views, _COLUMNS, "no agents: spawn one with `retinue agents spawn`")


@command.command("spawn")
@click.argument("name")
@click.argument("reference", metavar="MODULE:AGENT|FILE.py:AGENT")
@click.option(
    "--isolation", type=click.Choice(["shared", "thread", "process"]), help="Where it runs."
)
@click.option("--tool", "tools", multiple=True, help="A tool that it may call; may be repeated.")
@click.option("--model", help="The language model that it talks to.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="KEY=VALUE",
    help="What it may do in a process of its own, in place of what its code says: read=FOLDER, "
    "write=FOLDER, env=NAME, secrets=NAME, net=HOST[:PORT][,METHOD…], processes, or nothing; "
    "may be repeated.",
)
@common
def _spawn(
    cli: Cli,
    name: str,
    reference: str,
    tools: tuple[str, ...],
    allowed: tuple[str, ...],
    **options: Any,
) -> None:
    r"""Start an agent in the daemon, which imports it as your user.

    \b
    Examples:
      retinue agents spawn shout ./agents.py:shout
      retinue agents spawn critic team.agents:critic --isolation process --tool files.read
      retinue agents spawn sum ./sum.py:sum --isolation process --allow read=/data --allow net=api.example.org
    """
    body = {
        "name": name,
        "agent": _absolute(cli, reference),
        "tools": list(tools) or None,
        "permissions": permissions_in(allowed),
        **options,
    }
    view = cli.client.post("/v1/agents", AgentView, body)
    fields = [("agent", view.name), ("isolation", view.isolation), ("state", view.state)]
    record(cli, view, [*fields, *_walls(view)])


@command.command("show")
@click.argument("name")
@common
def _show(cli: Cli, name: str) -> None:
    """Show one agent, its tools and the input that it takes."""
    view = cli.client.get(under("agents", name), AgentView)
    fields = [(title.lower(), read(view)) for title, read in _COLUMNS]
    more = [("since", ago(view.since, time.time())), ("tools", view.tools), ("model", view.model)]
    more += _walls(view)
    more += [("passes", " → ".join(view.pipeline))]
    record(cli, view, [*fields, *more, ("input", shown(view.schema, 2000))])


@command.command("stop")
@click.argument("name")
@reason
@common
def _stop(cli: Cli, name: str, reason: str) -> None:
    """Stop an agent; what waits for it fails with the reason."""
    answer = cli.client.delete(under("agents", name), dict[str, Any], {"reason": reason})
    json_line(answer) if cli.as_json else note(f"stopped {name}")


def _walls(view: AgentView) -> list[tuple[str, Any]]:
    return [("walls", view.level), ("permissions", view.permissions)] if view.level else []


def _absolute(cli: Cli, reference: str) -> str:
    """The daemon runs in another folder than its client, or on another machine."""
    place, colon, name = reference.rpartition(":")
    if not place.endswith(".py"):
        return reference
    if not Path(place).is_absolute():
        cli.only_here(f"{place} names a file here")
    return f"{Path(place).absolute()}{colon}{name}"
