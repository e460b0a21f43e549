"""``retinue tail``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import click

from retinue.bus.wire import ObservedEvent

from ..client import Query
from ..redis_access import access_of
from .options import Cli, common
from .output import json_line, note
from .tailing import follow_mirror, lost
from .trace import log_line

if TYPE_CHECKING:
    from retinue.bus.redis.subscriber import Subscriber

__all__ = ["as_object", "command"]


class _Start(click.ParamType[str]):
    name = "SEQ|start|now"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        text = str(value)
        if text in ("start", "now") or (text.isascii() and text.isdigit() and int(text) > 0):
            return text
        return self.fail(
            f"{text}: give start, now, or a sequence number from 1 upwards", param, ctx
        )


@click.command("tail")
@click.option(
    "--from", "start", type=_Start(), default="now", help="The first event wanted.  [now]"
)
@click.option("--run", default="", help="Only this run.")
@click.option("--agent", default="", help="Only this agent.")
@click.option(
    "--type", "types", multiple=True, metavar="GLOB", help="Only such types; may be repeated."
)
@click.option("--follow/--no-follow", default=True, help="Go on once all was read.  [follow]")
@click.option("--redis", metavar="URL", help="Read the mirror in Redis, not the daemon.")
@click.option(
    "--fill/--no-fill",
    default=True,
    help="With --redis: ask the kernel for what Redis does not have.  [fill]",
)
@common
def command(
    cli: Cli,
    start: str,
    run: str,
    agent: str,
    types: tuple[str, ...],
    redis: str | None,
    *,
    follow: bool,
    fill: bool,
) -> None:
    r"""Follow the events: from the daemon, or from the Redis that it mirrors to.

    Over Redis, what is missing is asked for from the kernel, and what nobody has any more is said
    on stderr with its numbers, and in between the events with --json. So is whether the reading
    is live, behind or disconnected; it goes on by itself. --from continues after an absence.

    \b
    Examples:
      retinue tail --type 'tool.*' --type 'llm.*'
      retinue tail --from start --run r-5x0c2k9d-17 --no-follow --json
      retinue tail --redis redis://localhost:6379 --from 1
      retinue tail --redis redis://localhost:6379 --from 4711 --no-fill
    """
    if redis:
        with _subscriber(cli, redis, start, run, types) as subscriber:
            follow_mirror(cli, subscriber, _only(cli, agent), follow=follow, fill=fill)
        return
    query: Query = {"from": start, "run": run, "agent": agent, "type": types, "follow": follow}
    cursor = int(start) - 1 if start.isdigit() else None
    for event in cli.client.events(query):
        if cursor is not None and event.previous > cursor:
            lost(cli, cursor + 1, event.previous)
        cursor = event.seq
        _print(cli, event)
    if follow:
        note("the daemon has stopped: no more events will come")


def as_object(event: ObservedEvent) -> dict[str, object]:
    """The event as programs get it from ``--json``."""
    names = ("seq", "id", "type", "time", "run", "task", "agent", "cause")
    found = {name: getattr(event, name) for name in names}
    kept = {k: v for k, v in found.items() if v != ""}
    if event.dataref:
        return {**kept, "dataref": event.dataref, "databytes": event.databytes}
    return {**kept, "data": event.data}


def _print(cli: Cli, event: ObservedEvent) -> None:
    if cli.as_json:
        json_line(as_object(event))
    else:
        click.echo(log_line(event, color=cli.color, width=cli.width))
    sys.stdout.flush()


def _cursor(start: str) -> Literal["now", "first"] | int:
    """What the subscriber calls it; it begins *after* a number."""
    if start == "now":
        return "now"
    return "first" if start == "start" else int(start) - 1


def _subscriber(cli: Cli, url: str, start: str, run: str, types: tuple[str, ...]) -> Subscriber:
    from retinue.bus.redis.subscriber import Subscriber

    # The kernel's password goes to the server that it is for, and to no other.
    access = access_of(cli.config) if url == cli.config.redis else None
    return Subscriber(url, cli.config.name, _cursor(start), run or None, types, access=access)


def _only(cli: Cli, agent: str) -> Callable[[ObservedEvent], None]:
    def show(event: ObservedEvent) -> None:
        if not agent or event.agent == agent:
            _print(cli, event)

    return show
