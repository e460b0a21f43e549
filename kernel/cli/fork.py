"""``retinue fork``."""

from __future__ import annotations

from typing import Any

import click

from retinue.bus.views import AcceptedView

from ..client import under
from .options import Cli, common
from .submit import input_object, outcome

__all__ = ["command"]


@click.command("fork")
@click.argument("run")
@click.option("--at", type=click.IntRange(min=1), metavar="SEQ", help="The last event that counts.")
@click.option("--input", "given", metavar="JSON|-|@FILE", help="Another input for the root task.")
@click.option("--wait", is_flag=True, help="Wait for the end, and print the result.")
@click.option("--follow", is_flag=True, help="Show what happens while it happens, then the result.")
@common
def command(
    cli: Cli, run: str, at: int | None, given: str | None, *, wait: bool, follow: bool
) -> int:
    r"""Start a new run in the daemon that goes on from where RUN was at an event.

    The agents' code runs from the beginning. What tools and models had answered up to that event
    is given again, without asking them; from there on they are asked, and effects take place.

    \b
    Examples:
      retinue fork r-5x0c2k9d-16 --at 41 --wait
      retinue fork r-5x0c2k9d-16 --at 41 --input '{"question": "and in winter?"}' --follow
    """
    body: dict[str, Any] = {} if at is None else {"at": at}
    if given is not None:
        body["input"] = input_object(given)
    view = cli.client.post(under("runs", run, "fork"), AcceptedView, body)
    return outcome(cli, view, wait=wait, follow=follow)
