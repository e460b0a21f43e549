"""``retinue why``."""

from __future__ import annotations

import time

import click

from retinue.bus.errors import Unavailable

from ..asking.causes import Cause
from ..asking.edges import Live
from ..asking.records import Attempt, CallRecord
from ..asking.times import clock_time
from ..asking.why import Answer, why
from ..client import under
from ..text import cut, duration, one_line, painted
from .journal import opened
from .options import Cli, on_folder
from .output import json_line

__all__ = ["command"]

_CHAIN = 30


@click.command("why")
@click.argument("id")
@on_folder
def command(cli: Cli, id: str) -> None:
    r"""Explain why a task, a run or an event is as it is.

    The first line is the answer. Then come what something open is stuck on, how its attempts went,
    for what it waited, and the chain of causes back to its submission. Without a daemon the answer
    is made from the journal alone.

    \b
    Examples:
      retinue why t-5x0c2k9d-17
      retinue why r-5x0c2k9d-16
      retinue why 1042
    """
    answer = _asked(cli, id)
    if cli.as_json:
        json_line(answer)
        return
    for line in _lines(cli, answer):
        click.echo(cut(line, cli.width))


def _asked(cli: Cli, id: str) -> Answer:
    """From the daemon, which knows more; from the journal when none answers."""
    try:
        return cli.client.get(under("why", id), Answer)
    except Unavailable:
        if cli.remote is not None:
            raise
        with opened(cli) as journal:
            return why(journal, id, time.time(), Live(cli.folder.is_held()))


def _lines(cli: Cli, answer: Answer) -> list[str]:
    what = f"{answer.id} ({answer.state})" if answer.state else answer.id
    lines = [f"{painted(what, 'bold', color=cli.color)}: {one_line(answer.answer)}"]
    lines += _titled(cli, "stuck on", [f"{e.task} waits for {e.text}" for e in answer.edges])
    lines += _titled(cli, "attempts", [_attempt(one) for one in answer.attempts])
    lines += _titled(cli, "calls", [_call(one) for one in answer.calls[-_CHAIN:]])
    waits = [f"{duration(seconds):>10}  {name}" for name, seconds in answer.waits.items()]
    lines += _titled(cli, "time", waits)
    chain = answer.chain[-_CHAIN:]
    return lines + _titled(cli, "because", [_cause(one) for one in chain])


def _titled(cli: Cli, title: str, rows: list[str]) -> list[str]:
    if not rows:
        return []
    return ["", painted(title, "dim", color=cli.color), *(f"  {row}" for row in rows)]


def _attempt(attempt: Attempt) -> str:
    chosen = f", chosen by {attempt.policy}: {attempt.reason}" if attempt.policy else ""
    went = attempt.outcome or ("running" if attempt.began else "waiting")
    failed = f": {one_line(f'{attempt.kind}: {attempt.cause}')}" if attempt.kind else ""
    return f"{attempt.number}  {went}{failed}{chosen}"


def _call(call: CallRecord) -> str:
    took = f" ({duration(call.ended - call.began)})" if call.ended else ""
    went = "running" if call.ended is None else one_line(call.error) or "returned"
    effect = f", effect {call.effect}" if call.effect else ""
    unknown = ", outcome unknown" if call.unknown else ""
    return f"{call.name}: {went}{unknown}{took}{effect}"


def _cause(cause: Cause) -> str:
    who = " ".join(part for part in (cause.agent, cause.task) if part)
    at = clock_time(cause.time)[11:]
    return f"{cause.seq:>7}  {at}  {cause.type:<20}  {who}: {one_line(cause.text)}"
