"""``retinue status``."""

from __future__ import annotations

import click

from retinue.bus.views import StatusView

from ..text import duration, kept
from .mirror import in_words
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
        ("journal", kept(view.kept) if view.kept else ""),
        ("not written", view.journal),
        ("mirror", in_words(view.bus)),
        ("listens on", view.url),
        ("dead letters", view.dead_letters or ""),
    ]
