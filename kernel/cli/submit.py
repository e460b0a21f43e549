"""``retinue submit``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from retinue.bus.errors import InvalidInput, TaskCancelled, TaskFailed
from retinue.bus.messages import TERMINAL_RUN
from retinue.bus.views import AcceptedView, TaskView

from ..client import under
from ..text import cut, duration, one_line
from .exits import Exit
from .options import Cli, common, json_input
from .output import json_line, note, record, value
from .tail import as_object
from .trace import Trace

__all__ = ["command", "input_object", "outcome"]

_ENDED = ("succeeded", "failed", "cancelled", "outcome_unknown")


class _Priority(click.ParamType[int]):
    name = "0..9"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        text = str(value)
        if len(text) == 1 and text in "0123456789":
            return int(text)
        return self.fail(
            f"priority {text} is out of range: 0 to 9, and 9 is the most urgent", param, ctx
        )


@click.command("submit")
@click.argument("agent")
@click.option(
    "--input", "given", default="{}", metavar="JSON|-|@FILE", help="An object: its parameters."
)
@click.option("--priority", type=_Priority(), default=5, help="9 is the most urgent.  [5]")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="The task fails when it takes longer.",
)
@click.option("--key", metavar="KEY", help="Submitting the same KEY again gives the same task.")
@click.option("--wait", is_flag=True, help="Wait for the end, and print the result.")
@click.option("--follow", is_flag=True, help="Show what happens while it happens, then the result.")
@common
def command(
    cli: Cli,
    agent: str,
    given: str,
    priority: int,
    deadline: float | None,
    key: str | None,
    *,
    wait: bool,
    follow: bool,
) -> int:
    r"""Give an agent something to do.

    The exit code is 0 when the task was accepted, or with --wait and --follow when it succeeded.

    \b
    Examples:
      retinue submit echo --input '{"text": "hello"}' --wait
      retinue submit writer --input @question.json --priority 9 --follow
      jq '{text: .body}' mail.json | retinue submit triage --input - --key mail-17
    """
    body: dict[str, object] = {"agent": agent, "input": input_object(given), "priority": priority}
    more = {"deadline": deadline, "key": key}
    body |= {k: v for k, v in more.items() if v}
    view = cli.client.post("/v1/tasks", AcceptedView, body)
    return outcome(cli, view, wait=wait, follow=follow)


def outcome(cli: Cli, view: AcceptedView, *, wait: bool, follow: bool) -> int:
    """What to tell of a task that was accepted, and with which exit code."""
    if not wait and not follow:
        record(cli, view, [("task", view.id), ("run", view.run), ("state", view.state)])
        return Exit.OK
    with _interruptible(view):
        ended = _followed(cli, view) if follow else _awaited(cli, view)
    return _told(cli, ended)


def input_object(given: str) -> dict[str, object]:
    """The parameters of an agent; raises ``InvalidInput`` for JSON that is no object."""
    found = json_input(given, "input")
    if not isinstance(found, dict):
        raise InvalidInput(
            f'the input is {found!r:.40}, but has to be an object such as \'{{"text": "hi"}}\': '
            "an agent's parameters are filled by name"
        )
    return found


def _awaited(cli: Cli, view: TaskView) -> TaskView:
    patient = not sys.stderr.isatty() or cli.as_json
    began = time.monotonic()
    while view.state not in _ENDED:
        step = 30.0 if patient else 1.0
        view = cli.client.get(under("tasks", view.id, "wait"), TaskView, {"wait": step})
        if not patient:
            _progress(view, time.monotonic() - began)
    return view


def _progress(view: TaskView, seconds: float) -> None:
    """One line that is written over; an ended task leaves none behind."""
    why = f", waits for {view.waiting_for}" if view.waiting_for else ""
    said = f"{view.id} {view.state}, {duration(seconds)}{why}"
    shown = "" if view.state in _ENDED else cut(one_line(said), 79)
    click.echo(f"\r\x1b[K{shown}", err=True, nl=False)


def _followed(cli: Cli, view: AcceptedView) -> TaskView:
    trace = Trace(color=cli.color)
    for event in cli.client.events({"from": view.cursor + 1, "run": view.run}):
        if cli.as_json:
            json_line(as_object(event))
        else:
            click.echo(trace.feed(event), nl=False)
        sys.stdout.flush()
        if event.type in TERMINAL_RUN:
            break
    click.echo(trace.end(), nl=False)
    return _awaited(cli, view)


@contextmanager
def _interruptible(view: TaskView) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(err=True)
        note(f"{view.id} goes on without you: end it with `retinue tasks cancel {view.id}`")
        raise click.exceptions.Exit(128 + signal.SIGINT) from None


def _told(cli: Cli, view: TaskView) -> int:
    if cli.as_json:
        json_line(view)
        return Exit.OK if view.state == "succeeded" else Exit.FAILED
    if view.state == "succeeded":
        value(cli, view.result)
        return Exit.OK
    if view.state == "cancelled":
        raise TaskCancelled(view.id, view.error or "no reason was given")
    kind, _, cause = view.error.partition(": ")
    raise TaskFailed(view.id, kind, cause, view.attempt)
