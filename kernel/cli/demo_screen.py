"""How the demo shows itself: to people as a trace with a frame, to programs as JSON lines."""

from __future__ import annotations

import sys
from itertools import cycle
from pathlib import Path
from typing import Protocol

import click

from retinue.bus.wire import ObservedEvent

from ..demo import Report, Session, Summary
from ..text import cut, duration, one_line, painted
from .output import json_line
from .tail import as_object
from .trace import Trace

__all__ = ["JsonScreen", "Screen", "TerminalScreen"]


class Screen(Protocol):
    """What the demo tells whoever watches, in this order."""

    def opening(self, question: str, folder: Path, session: Session) -> None:
        """Say what is asked, of what, and with what."""

    def show(self, event: ObservedEvent | None) -> None:
        """Show an event; ``None`` says that it is quiet."""

    def closing(self, report: Report | None, summary: Summary) -> None:
        """Say how it ended; ``None`` for a run that failed."""


class JsonScreen:
    """One object a line: the events, and the summary last."""

    def opening(self, question: str, folder: Path, session: Session) -> None:
        """Nothing: the events say it."""

    def show(self, event: ObservedEvent | None) -> None:
        """One event."""
        if event is not None:
            json_line(as_object(event))
            sys.stdout.flush()

    def closing(self, report: Report | None, summary: Summary) -> None:
        """The figures."""
        json_line({"summary": summary})


class TerminalScreen:
    """A frame above and below, the trace between, and a line that lives while a model thinks."""

    def __init__(self, *, color: bool, width: int, live: bool) -> None:
        """``live``: whether a line may be written over, on stderr."""
        self._color = color
        self._width = width
        self._trace = Trace(color=color, width=min(width, 110))
        self._live = live
        self._spinner = cycle("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
        self._waiting = ""
        self._answered = False
        self._written = False

    def opening(self, question: str, folder: Path, session: Session) -> None:
        """Four lines of frame."""
        self._row("question", question)
        self._row("folder", str(folder))
        self._row("model", session.model.name)
        self._row("observer", f"reads Redis: {session.redis}")
        click.echo()

    def show(self, event: ObservedEvent | None) -> None:
        """A line or a piece of text; while it is quiet, who waits for what."""
        if event is None:
            self._tick()
            return
        self._note(event)
        text = self._trace.feed(event)
        if text:
            self._clear()
            click.echo(text, nl=False)
            sys.stdout.flush()

    def closing(self, report: Report | None, summary: Summary) -> None:
        """The answer, its sources and the figures."""
        self._clear()
        click.echo(self._trace.end())
        if report is not None:
            self._row("answer", report.answer or "none: " + report.objection, "bold")
            for source in report.sources:
                self._row("source", f"{source.path}:{source.line}")
        self._row("summary", _figures(summary))

    def _row(self, name: str, text: str, style: str = "") -> None:
        said = one_line(text)
        shown = painted(said, style, color=self._color) if style else said
        click.echo(f"{painted(f'{name:<9}', 'dim', color=self._color)} {shown}")

    def _note(self, event: ObservedEvent) -> None:
        """Whose model call is open, and has not said anything yet."""
        if event.type == "llm.called":
            first = "" if self._answered else ", which is loaded first"
            self._waiting = f"{event.agent.upper()} asks {event.data['model']}{first}"
        elif event.type in ("llm.returned", "agent.text"):
            self._waiting, self._answered = "", True

    def _tick(self) -> None:
        if self._live and self._waiting:
            click.echo(self._trace.end(), nl=False)
            sys.stdout.flush()
            line = one_line(f"{next(self._spinner)} {self._waiting}")
            shown = painted(cut(line, self._width - 1), "dim", color=self._color)
            click.echo(f"\r\x1b[K{shown}", err=True, nl=False)
            self._written = True

    def _clear(self) -> None:
        """Only what is ours: the line may hold text that streams."""
        if self._written:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._written = False


def _figures(summary: Summary) -> str:
    seen = f"{summary.events_observed} of {summary.events_journal} events observed"
    counted = (
        ("agent", summary.agents),
        ("task", summary.tasks),
        ("tool call", summary.tool_calls),
    )
    parts = [f"{count} {noun}{'s' if count != 1 else ''}" for noun, count in counted]
    spent = f"{summary.tokens} tokens in {duration(summary.seconds)}"
    return f"{', '.join(parts)}, {spent}; {seen}, {summary.lost} lost"
