"""``retinue stop``."""

from __future__ import annotations

import time

import click

from retinue.bus.errors import DeadlineExceeded, Unavailable
from retinue.bus.views import StatusView

from .options import Cli, common
from .output import json_line, note

__all__ = ["command"]


@click.command("stop")
@click.option("--reason", default="asked for by an operator", help="Goes into the events.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=30.0, help="Seconds to wait.  [30]"
)
@common
def command(cli: Cli, reason: str, timeout: float) -> None:
    r"""Stop the daemon, letting running tasks end.

    \b
    Example:
      retinue stop --reason "moving to another machine"
    """
    pid = cli.client.get("/v1/status", StatusView).pid
    cli.client.post("/v1/stop", dict, {"reason": reason})
    deadline = time.monotonic() + timeout
    while _is_there(cli):
        if time.monotonic() > deadline:
            raise DeadlineExceeded(
                f"the daemon (pid {pid}) still drains after {timeout:g} s: wait, "
                "or hurry it with another SIGTERM"
            )
        time.sleep(0.05)
    if cli.as_json:
        json_line({"stopped": True, "pid": pid})
    else:
        note(f"stopped (pid {pid})")


def _is_there(cli: Cli) -> bool:
    """Whether its process is; of one elsewhere, whether it answers."""
    if cli.remote is None:
        return cli.folder.is_held()
    try:
        cli.client.get("/healthz", dict)
    except Unavailable:
        return False
    return True
