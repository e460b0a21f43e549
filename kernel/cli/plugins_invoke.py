"""``retinue plugins invoke``: one call of a tool, and what it says before its end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from retinue.bus.errors import InvalidInput, RetinueError
from retinue.bus.views import StatusView
from retinue.bus.wire import ObservedEvent

from ..client import under
from ..text import cut, one_line, shown
from .options import Cli, common, json_input
from .output import json_line, value

__all__ = ["Said", "command"]

_LAST_WORDS = 0.5
"""Seconds for what a call said to arrive after its result has."""


@click.command("invoke")
@click.argument("tool")
@click.option("--args", default="{}", metavar="JSON|-|@FILE", help="The tool's arguments.")
@click.option(
    "--timeout", type=click.FloatRange(0, 600, min_open=True), default=30.0, help="Seconds.  [30]"
)
@common
def command(cli: Cli, tool: str, args: str, timeout: float) -> None:
    r"""Call a tool as an operator, outside any task.

    On a terminal, what the tool tells before its end is shown as it comes.

    \b
    Examples:
      retinue plugins invoke clock.now
      retinue plugins invoke files.search --args '{"query": ["priority"]}'
    """
    given = json_input(args, "arguments")
    if not isinstance(given, dict):
        raise InvalidInput("the arguments have to be a JSON object, names to values")
    body = {"args": given, "timeout": timeout}
    with _watching(cli, tool):
        answer = cli.client.post(under("tools", tool, "invoke"), dict[str, Any], body, wait=timeout)
    json_line(answer) if cli.as_json else value(cli, answer["result"])


class Said:
    """Picks one operator's call of a tool out of the events, and tells what to show of it."""

    def __init__(self, tool: str) -> None:
        """Nothing is shown of other calls that run meanwhile."""
        self._tool = tool
        self._call = ""
        self.over = False
        """Whether the call has returned."""

    def take(self, event: ObservedEvent) -> tuple[str, bool] | None:
        """A line, and whether it stays (a piece of output) or is written over (progress)."""
        data = event.data if isinstance(event.data, dict) else {}
        if event.task or data.get("tool") != self._tool:
            return None
        if event.type == "tool.called" and not self._call:
            self._call = str(data.get("call"))
        if data.get("call") != self._call:
            return None
        if event.type == "tool.progress":
            return _progress(data), False
        if event.type == "tool.output":
            return shown(data.get("value"), 2000), True
        self.over = event.type == "tool.returned"
        return None


@contextmanager
def _watching(cli: Cli, tool: str) -> Iterator[None]:
    """Show on stderr what the call says, where somebody looks."""
    if cli.as_json or not sys.stderr.isatty():
        yield
        return
    start = cli.client.get("/v1/status", StatusView).events + 1
    watcher = threading.Thread(target=_watch, args=(cli, tool, start), daemon=True)
    watcher.start()
    try:
        yield
        watcher.join(_LAST_WORDS)
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def _watch(cli: Cli, tool: str, start: int) -> None:
    said = Said(tool)
    try:
        for event in cli.client.events({"from": start, "type": "tool.*"}):
            line = said.take(event)
            if line is not None:
                text, stays = cut(one_line(line[0]), cli.width - 1), line[1]
                click.echo(f"\r\x1b[K{text}", err=True, nl=stays)
            if said.over:
                return
    except (RetinueError, OSError):  # the call itself says what is wrong
        return


def _progress(data: dict[str, Any]) -> str:
    done, total = data.get("done", 0), data.get("total", 0)
    of = f"{done:g} of {total:g}" if total else f"{done:g}"
    return f"{of}  {data.get('note', '')}".rstrip()
