"""``retinue status``."""

from __future__ import annotations

import click

from retinue.bus.views import BusView, StatusView

from ..text import duration
from .options import Cli, common
from .output import record

__all__ = ["command"]


@click.command("status")
@common
def command(cli: Cli) -> None:
    r"""Show the kernel at a glance.

    \b
    Examples:
      retinue status
      retinue status --json | jq .tasks
    """
    view = cli.client.get("/v1/status", StatusView)
    record(cli, view, _fields(view))


def _fields(view: StatusView) -> list[tuple[str, object]]:
    return [
        ("kernel", f"{view.name}, version {view.version}, pid {view.pid}"),
        ("state", view.state),
        ("up for", duration(view.uptime)),
        ("agents", view.agents),
        ("tasks", ", ".join(f"{n} {state}" for state, n in view.tasks.items() if n) or "none yet"),
        ("runs", view.runs),
        ("scheduler", view.policy + (", paused" if view.paused else "")),
        ("events", view.events),
        ("mirror", _mirror(view.bus)),
        ("listens on", view.listen and f"http://{view.listen}"),
        ("dead letters", view.dead_letters or ""),
    ]


def _mirror(bus: BusView) -> str:
    if bus.state == "off":
        return "off" + (f": {bus.reason}" if bus.reason else "")
    said = f"{bus.state}, {bus.published} published"
    waiting = f", {bus.pending} waiting" if bus.pending else ""
    lost = f", {bus.dropped} dropped" if bus.dropped else ""
    return f"{said}{waiting}{lost}, {bus.server}"
