"""``retinue top``."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import msgspec

from retinue.bus.errors import Unavailable
from retinue.bus.views import AgentView, StatusView, TaskView

from ..text import ago, cut, duration, one_line, shown
from .mirror import in_short
from .options import Cli, common
from .output import json_line

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Frame", "command", "drawn"]

_STYLES = {"running": "cyan", "idle": "dim", "stalled": "bold red", "queued": "yellow"}
_OPEN = ("running", "scheduled", "queued", "submitted")


class Frame(msgspec.Struct, frozen=True):
    """What one picture shows, all of it asked for at about the same time."""

    status: StatusView
    agents: list[AgentView]
    tasks: list[TaskView]


@click.command("top")
@click.option("--once", is_flag=True, help="Print one frame and end; so it is without a terminal.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 60),
    default=1.0,
    help="Seconds between two frames.  [1]",
)
@common
def command(cli: Cli, interval: float, *, once: bool) -> None:
    r"""Watch agents and tasks live. Ctrl-C leaves; nothing is stopped by that.

    \b
    Examples:
      retinue top
      retinue top --once
    """
    if cli.as_json:
        json_line(_asked(cli))
        return
    _need_rich()
    if once or not sys.stdout.isatty():
        _console(cli).print(drawn(_asked(cli), time.time()))
    else:
        _live(cli, interval)


def drawn(frame: Frame, now: float) -> RenderableType:
    """The picture: a headline, the agents, and the open tasks, oldest first."""
    from rich.console import Group

    return Group(
        _headline(frame.status), "", _agents(frame.agents, now), "", _tasks(frame.tasks, now)
    )


def _asked(cli: Cli) -> Frame:
    client = cli.client
    tasks = [
        task
        for state in _OPEN
        for task in client.get("/v1/tasks", list[TaskView], {"state": state})
    ]
    tasks.sort(key=lambda task: task.submitted)
    return Frame(
        client.get("/v1/status", StatusView), client.get("/v1/agents", list[AgentView]), tasks
    )


def _live(cli: Cli, interval: float) -> None:
    from rich.live import Live

    screen = Live(console=_console(cli), screen=True, auto_refresh=False)
    with suppress(KeyboardInterrupt), screen as live:
        while True:
            live.update(drawn(_asked(cli), time.time()), refresh=True)
            time.sleep(interval)


def _console(cli: Cli) -> Any:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    return Console(no_color=not cli.color, highlight=False, markup=False, width=width)


def _headline(status: StatusView) -> Any:
    from rich.text import Text

    tasks = ", ".join(f"{n} {state}" for state, n in status.tasks.items() if n) or "no tasks yet"
    mirror = f"mirror {in_short(status.bus)}"
    said = f"up {duration(status.uptime)} · {tasks} · {status.events} events · {mirror}"
    head = Text(f"{status.name} ", style="bold")
    head.append(f"{status.state}{' (paused)' if status.paused else ''}  ", style="green")
    return head.append(said, style="default")


def _agents(agents: list[AgentView], now: float) -> Any:
    table = _table("AGENT", "STATE", "RUNNING", "QUEUED", "DONE", "FAILED", "FOR", "STEP")
    for agent in agents:
        counts = map(str, (len(agent.running), agent.queued, agent.done, agent.failed))
        state = _styled(agent.state)
        table.add_row(
            one_line(agent.name), state, *counts, ago(agent.since, now), shown(agent.step, 60)
        )
    return table if agents else "no agents: spawn one with `retinue agents spawn`"


def _tasks(tasks: list[TaskView], now: float) -> Any:
    table = _table("TASK", "AGENT", "STATE", "PRIO", "AGE", "RAN", "WAITS FOR")
    for task in tasks[:50]:
        table.add_row(
            one_line(task.id),
            one_line(task.agent),
            _styled(task.state),
            str(task.priority),
            ago(task.submitted, now),
            ago(task.started, now),
            cut(one_line(task.waiting_for), 60),
        )
    return table if tasks else "nothing is running or waiting"


def _table(*titles: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    return table


def _styled(state: str) -> Any:
    from rich.text import Text

    return Text(state, style=_STYLES.get(state, "default"))


def _need_rich() -> None:
    try:
        import rich  # noqa: F401
    except ModuleNotFoundError as error:
        raise Unavailable(
            "`retinue top` needs the package rich: pip install 'retinue[daemon]'"
        ) from error
