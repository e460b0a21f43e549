"""``retinue demo``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from retinue.bus.errors import InvalidInput, NotFound
from retinue.plugins.llm import prompts
from retinue.plugins.llm.model import ChatModel

from ..demo import Session, documents
from ..model_choice import factories
from ..text import color_wanted
from .demo_screen import JsonScreen, Screen, TerminalScreen
from .exits import Exit
from .options import Cli, local
from .output import note

__all__ = ["command"]

_QUESTION = "Which priority is the most urgent?"


@click.command("demo")
@click.option("--folder", metavar="DIR", help="The documents.  [the project's own docs/]")
@click.option("--question", metavar="TEXT", help=f"What to ask them.  [{_QUESTION}]")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    metavar="SECONDS",
    help="Give up after that long.  [300]",
)
@click.option(
    "--sandboxed", is_flag=True, help="Read the documents in a process that may do nothing else."
)
@local
def command(
    cli: Cli, folder: str | None, question: str | None, deadline: float, *, sandboxed: bool
) -> int:
    r"""Answer a question about a folder of documents, with a team of agents.

    A librarian, a writer and a critic work in a private kernel, on the local model, or on the
    endpoint that OPENAI_BASE_URL names. What you see came over a private Redis. Nothing stays.
    The exit code is 0 when the answer is supported and no event was lost.

    \b
    Examples:
      retinue demo
      retinue demo --sandboxed
      retinue demo --folder ~/notes --question "When is the next meeting?"
      retinue demo --json | tail -1
    """
    where, asked = _asked(folder, question)
    model = _model(cli)
    screen = _screen(cli)
    with Session(where, model, cli.config, sandboxed=sandboxed) as session:
        screen.opening(asked, where, session)
        for event in session.events(asked, deadline):
            screen.show(event)
        return _ended(screen, session)


def _asked(folder: str | None, question: str | None) -> tuple[Path, str]:
    if folder is not None and question is None:
        raise click.UsageError("give a --question about your --folder too")
    where = documents() if folder is None else Path(folder).expanduser().resolve()
    if not where.is_dir():
        raise NotFound(f"{folder} is not a folder: give one with text files in it")
    asked = _QUESTION if question is None else question
    prompts.keywords(asked)  # refuses a question without a word to search for
    return where, asked


def _model(cli: Cli) -> ChatModel:
    """Made before anything starts, so that a missing one is the first thing said."""
    config = cli.config
    made = factories(config, os.environ, {})
    if config.models.default not in made:
        raise InvalidInput(
            f"no model is named {config.models.default!r}: there are {', '.join(sorted(made))}"
        )
    return made[config.models.default]()


def _screen(cli: Cli) -> Screen:
    if cli.as_json:
        return JsonScreen()
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    live = sys.stderr.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return TerminalScreen(color=color_wanted(os.environ, sys.stdout), width=width, live=live)


def _ended(screen: Screen, session: Session) -> int:
    summary = session.summary()
    try:
        report = session.report()
    except Exception:
        screen.closing(None, summary)
        raise
    screen.closing(report, summary)
    if summary.lost:
        note(f"retinue: {summary.lost} events did not reach the observer: see `retinue doctor`")
    elif not report.supported:
        note(f"retinue: no supported answer: {report.objection}; ask in the documents' own words")
    return Exit.OK if report.supported and not summary.lost else Exit.FAILED
