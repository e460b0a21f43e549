"""``retinue config``."""

from __future__ import annotations

import click

from ..settings import explain
from .options import Cli, local
from .output import Column, json_line, listing

__all__ = ["command"]

_COLUMNS: tuple[Column, ...] = (
    ("SETTING", lambda s: s.name),
    ("VALUE", lambda s: _shown(s.value)),
    ("ORIGIN", lambda s: s.origin),
)


@click.group("config")
def command() -> None:
    """Show the settings, and where they come from."""


@command.command("show")
@click.option("--origin", is_flag=True, help="Say for each where its value comes from.")
@local
def _show(cli: Cli, origin: bool) -> None:  # noqa: FBT001  click's keyword
    r"""Show every setting that holds here: defaults < file < environment < flags.

    A daemon that already runs keeps the settings that it was started with. Secrets are masked.

    \b
    Examples:
      retinue config show --origin
      RETINUE_SCHEDULER_POLICY=fifo retinue config show --json
    """
    settings = explain(*cli.settings())
    if cli.as_json:
        for setting in settings:
            shown = setting._asdict()
            json_line(shown if origin else {k: v for k, v in shown.items() if k != "origin"})
    else:
        listing(cli, settings, _COLUMNS if origin else _COLUMNS[:2], "")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
