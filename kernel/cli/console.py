"""``retinue console``."""

from __future__ import annotations

from typing import Any

import click

from retinue.bus.errors import Unavailable
from retinue.bus.views import StatusView

from ..tokens import ROLES, Role
from .options import Cli, common
from .output import json_line

__all__ = ["command"]


@click.command("console")
@click.option("--role", type=click.Choice(ROLES), default="admin", help="What it may do.  [admin]")
@click.option("--open", "opens", is_flag=True, help="Open it in a browser.")
@common
def command(cli: Cli, role: Role, opens: bool) -> None:  # noqa: FBT001  click's order
    r"""Print the address of the web console, with a ticket that signs you in.

    The ticket is good once, within 30 seconds; the session that it begins lasts 12 hours, and
    `retinue tokens` lists and revokes it.

    \b
    Examples:
      retinue console --open
      retinue console --role viewer
    """
    cli.only_here("only the daemon's own user signs a browser in")
    view = cli.client.get("/v1/status", StatusView)
    if not view.url:
        raise Unavailable(
            "the daemon does not listen over TCP: start it with `retinue run --listen 127.0.0.1:8787`"
        )
    body = {"path": "/v1/sessions", "role": role}
    ticket = cli.client.post("/v1/tickets", dict[str, Any], body)["ticket"]
    url = f"{view.url}/#ticket={ticket}"  # a fragment is sent to no server, and is in no log
    if cli.as_json:
        json_line({"url": url, "role": role})
    else:
        click.echo(url)
    if opens:
        click.launch(url)
