"""``retinue plugins invoke``: one call of a tool, and what it says before its end."""

from __future__ import annotations

import sys
from typing import Any

import click

from retinue.bus.errors import InvalidInput

from ..client import CallBegun, CallChunk, CallEvent, CallProgress, CallResult
from ..text import cut, one_line, shown
from .options import Cli, common, json_input
from .output import json_line, value

__all__ = ["command"]


@click.command("invoke")
@click.argument("tool")
@click.option("--args", default="{}", metavar="JSON|-|@FILE", help="The tool's arguments.")
@click.option(
    "--timeout", type=click.FloatRange(0, 600, min_open=True), default=30.0, help="Seconds.  [30]"
)
@click.option("--stream", is_flag=True, help="Print the pieces of its output as they come, too.")
@click.option("--cancel-on-interrupt", is_flag=True, help="End the call with this command.")
@common
def command(
    cli: Cli,
    tool: str,
    args: str,
    timeout: float,
    stream: bool,  # noqa: FBT001  click's order
    cancel_on_interrupt: bool,  # noqa: FBT001
) -> None:
    r"""Call a tool as an operator, outside any task.

    On a terminal, what the tool tells before its end is shown as it comes. With --stream the pieces
    of its output are printed on stdout, one a line, before the result; with --json each line is an
    object that says what it is.

    \b
    Examples:
      retinue plugins invoke clock.now
      retinue plugins invoke files.search --args '{"query": ["priority"]}'
      retinue plugins invoke lab.count --stream --json
    """
    given = json_input(args, "arguments")
    if not isinstance(given, dict):
        raise InvalidInput("the arguments have to be a JSON object, names to values")
    seen = _Seen(cli, stream=stream)
    for event in cli.client.invoke_stream(
        tool, given, timeout, cancel_on_disconnect=cancel_on_interrupt
    ):
        seen.show(event)


class _Seen:
    """Shows a call as it goes: on stdout what is asked for, on stderr what somebody looks at."""

    def __init__(self, cli: Cli, *, stream: bool) -> None:
        self._cli = cli
        self._stream = stream
        self._looked_at = sys.stderr.isatty() and not cli.as_json

    def show(self, event: CallEvent) -> None:
        """One of what the call says."""
        if isinstance(event, CallResult):
            self._result(event)
        elif self._stream and self._cli.as_json:
            json_line({_KINDS[type(event)]: event})
        elif isinstance(event, CallChunk):
            self._piece(event)
        elif isinstance(event, CallProgress) and self._looked_at:
            self._line(_progress(event), stays=False)

    def _result(self, event: CallResult) -> None:
        if self._looked_at:
            self._line("", stays=False)
        if self._cli.as_json:
            json_line({"result": event} if self._stream else event)
        else:
            value(self._cli, event.result)

    def _piece(self, event: CallChunk) -> None:
        if self._stream:
            value(self._cli, event.value)
            sys.stdout.flush()
        elif self._looked_at:
            self._line(shown(event.value, 2000), stays=True)

    def _line(self, text: str, *, stays: bool) -> None:
        """Over the one before, unless that was to stay."""
        line = cut(one_line(text), self._cli.width - 1)
        click.echo(f"\r\x1b[K{line}", err=True, nl=stays)


_KINDS: dict[type[Any], str] = {
    CallBegun: "call", CallChunk: "chunk", CallProgress: "progress"
}  # fmt: skip


def _progress(event: CallProgress) -> str:
    of = f"{event.done:g} of {event.total:g}" if event.total else f"{event.done:g}"
    return f"{of}  {event.note}".rstrip()
