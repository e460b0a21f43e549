"""``retinue tokens``: who may use the API over TCP."""

from __future__ import annotations

import re
import time

import click

from retinue.bus.errors import InvalidInput

from ..text import duration
from ..tokens import ROLES, Role, TokenFile, TokenView
from .options import Cli, common
from .output import Column, json_line, listing, note

__all__ = ["command"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LASTING = re.compile(r"(\d{1,9})([smhdw])")


@click.group("tokens")
def command() -> None:
    """Make, list and revoke tokens for the API over TCP.

    The Unix socket needs none. A running daemon heeds a change at once.
    """


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do.")
@click.option("--expires", metavar="TIME", help="When it ends, from now: 90s, 30m, 12h, 7d, 4w.")
@common
def create(cli: Cli, name: str, role: Role, expires: str | None) -> None:
    r"""Make a token, and print it this once.

    A viewer reads everything. An operator submits, cancels, retries and answers approvals as well.
    An admin does all: agents, plugins, the scheduler, the daemon's stop.

    \b
    Examples:
      retinue tokens create grafana --role viewer
      retinue tokens create ci --role operator --expires 12h
    """
    secret = _file(cli).create(name, role, None if expires is None else lasting(expires))
    if cli.as_json:
        json_line({"name": name, "role": role, "token": secret})
    else:
        note("keep it: it is not shown again")
        click.echo(secret)


@command.command("list")
@common
def show(cli: Cli) -> None:
    """List tokens, without their secrets."""
    listing(cli, _file(cli).views(), _COLUMNS, "there is no token: `retinue tokens create`")


@command.command()
@click.argument("name")
@common
def revoke(cli: Cli, name: str) -> None:
    """Take a token back. Its open streams end within a second."""
    _file(cli).revoke(name)
    if cli.as_json:
        json_line({"name": name, "revoked": True})
    else:
        note(f"{name} is revoked")


def lasting(text: str) -> float:
    """Seconds, from such as ``12h``; raises ``InvalidInput``."""
    found = _LASTING.fullmatch(text)
    if found is None or not int(found[1]):
        raise InvalidInput(
            f"--expires {text}: give a time from now, such as 90s, 30m, 12h, 7d or 4w"
        )
    return float(int(found[1]) * _UNITS[found[2]])


def _file(cli: Cli) -> TokenFile:
    return TokenFile(cli.folder.path)


def _expires(view: TokenView) -> str:
    if view.expires is None:
        return "never"
    left = view.expires - time.time()
    return f"in {duration(left)}" if left > 0 else "expired"


_COLUMNS: list[Column] = [
    ("NAME", lambda view: view.name),
    ("ROLE", lambda view: view.role),
    ("EXPIRES", _expires),
]
