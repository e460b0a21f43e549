"""``retinue schema``."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from .options import Cli, local
from .output import json_line

__all__ = ["command"]


@click.group("schema")
def command() -> None:
    """Describe the events, for programs that read them."""


@command.command("asyncapi")
@click.option("--kernel", metavar="NAME", help="The kernel whose channels are named.  [config]")
@local
def _asyncapi(cli: Cli, kernel: str | None) -> None:
    r"""Print an AsyncAPI 3.0 document: every channel, and every message on it.

    The names are those of the configuration. It is indented; --json gives one line.

    \b
    Examples:
      retinue schema asyncapi > asyncapi.json
      retinue schema asyncapi --kernel main --json | jq '.channels | keys'
    """
    from retinue.bus.schema import Names, asyncapi

    from ..version import VERSION

    config = cli.settings(name=kernel)[0]
    dialects = config.observers.dialects
    names = Names(
        config.name,
        dialects.live_logs.channel,
        dialects.agent_events.key,
        dialects.orchestrator_events.channel,
    )
    _print(cli, asyncapi(VERSION, names))


@command.command("events")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@local
def _events(cli: Cli, types: tuple[str, ...]) -> None:
    r"""Print the JSON Schema (2020-12) of the events, as observers read them.

    TYPE is a type or a glob; without one, every type is printed.

    \b
    Examples:
      retinue schema events tool.called
      retinue schema events 'tool.*' 'llm.*' --json
    """
    from retinue.bus.schema import event_document

    _print(cli, event_document(types))


@command.command("commands")
@local
def _commands(cli: Cli) -> None:
    """Print the JSON Schema of what the kernel's actors ask of each other.

    Observers never see a command; dead letters hold some.
    """
    from retinue.bus.schema import command_document

    _print(cli, command_document())


def _print(cli: Cli, document: Any) -> None:
    if cli.as_json:
        json_line(document)
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
