"""``retinue tail``."""

from __future__ import annotations

import sys
from typing import Literal

import click

from retinue.bus.wire import ObservedEvent

from ..client import Query
from .options import Cli, common
from .output import json_line, note
from .trace import log_line

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
) -> None:
    r"""Follow the events: from the daemon, or from the Redis that it mirrors to.

    \b
    Examples:
      retinue tail --type 'tool.*' --type 'llm.*'
      retinue tail --from start --run r-5x0c2k9d-17 --no-follow --json
      retinue tail --redis redis://localhost:6379 --from 1
    """
    if redis:
        _print_mirrored(cli, redis, start, run, agent, types, follow=follow)
        return
    query: Query = {"from": start, "run": run, "agent": agent, "type": types, "follow": follow}
    for event in cli.client.events(query):
        _print(cli, event)
    if follow:
        note("the daemon has stopped: no more events will come")


def as_object(event: ObservedEvent) -> dict[str, object]:
    """The event as programs get it from ``--json``."""
    names = ("seq", "id", "type", "time", "run", "task", "agent", "cause")
    found = {name: getattr(event, name) for name in names}
    return {**{k: v for k, v in found.items() if v != ""}, "data": event.data}


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


def _print_mirrored(
    cli: Cli, url: str, start: str, run: str, agent: str, types: tuple[str, ...], *, follow: bool
) -> None:
    from retinue.bus.redis.subscriber import Gap, Subscriber

    with Subscriber(url, cli.config.name, _cursor(start), run or None, types) as subscriber:
        for item in subscriber.read(timeout=None if follow else 1.0):
            if not isinstance(item, Gap):
                if not agent or item.agent == agent:
                    _print(cli, item)
            elif cli.as_json:
                json_line({"gap": {"first": item.first, "last": item.last}})
            else:
                note(
                    f"events {item.first} to {item.last} did not reach Redis: ask the daemon for them"
                )
