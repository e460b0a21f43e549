"""``retinue mcp``."""

from __future__ import annotations

import sys

import click

from retinue.plugins.mcp.server import ServerSession

from ..mcp.bridge import Bridge
from ..mcp.caller import NAME
from ..mcp.offering import Offering
from ..version import VERSION
from .options import Cli, common

__all__ = ["command"]


@click.group("mcp")
def command() -> None:
    """Offer a kernel to clients of the Model Context Protocol."""


@command.command("serve")
@click.option("--tools", multiple=True, metavar="GLOB", help="Offer these tools alone.  [*]")
@click.option("--agents", multiple=True, metavar="GLOB", help="Offer these agents alone.  [*]")
@click.option(
    "--agent-name", default=NAME, metavar="NAME", help="The agent that calls tools.  [mcp]"
)
@common
def _serve(cli: Cli, tools: tuple[str, ...], agents: tuple[str, ...], agent_name: str) -> None:
    r"""Serve one client on stdin and stdout, until it closes them.

    Every call is a task of the daemon's: clients see its progress, and may cancel it.

    \b
    Examples, as the command that an MCP client starts:
      retinue mcp serve
      retinue mcp serve --state-dir /srv/team --tools 'files.*' --agents writer
    """
    out = sys.stdout.buffer

    def write(line: bytes) -> None:
        out.write(line)
        out.flush()

    offering = Offering(cli.client, tools or ("*",), agents or ("*",), agent_name)
    Bridge(cli.client, offering, ServerSession("retinue", VERSION), write).run(sys.stdin.buffer)
