"""A run as a reader sees it: each event becomes a line, or a piece of streaming text."""

from __future__ import annotations

import time
from typing import Any, Protocol

from ..text import arguments, cut, duration, log_data, one_line, painted, safe, shown

__all__ = ["Trace", "Traced", "log_line"]

_WIDTH = 100
_HEAD = 42  # seq, time and type of a line of the log
_NOUNS = {"files.search": "passage", "files.read": "line"}
"""What the results of these consist of."""


class Traced(Protocol):
    """What is read of an event, from whichever source it came."""

    @property
    def seq(self) -> int:
        """The kernel's count of it."""

    @property
    def type(self) -> str:
        """For example ``tool.called``."""

    @property
    def time(self) -> float:
        """Seconds since the epoch."""

    @property
    def run(self) -> str:
        """The run's id, or an empty string."""

    @property
    def task(self) -> str:
        """The task's id, or an empty string."""

    @property
    def agent(self) -> str:
        """The agent's name, or an empty string."""

    @property
    def data(self) -> Any:
        """The body as JSON values."""


class Trace:
    """Turns events into what to print, in order; it only remembers whose text is streaming.

    ``[IO_REQ] LIBRARIAN → files.search(query="ageing")`` for a call, ``[IO_OK]   ↳ …`` for its
    result, thoughts as ``[PLANNING]``, and text as it comes. Events that say nothing to a reader
    (queueing, scheduling) give an empty string.
    """

    def __init__(self, *, color: bool = False, width: int = _WIDTH) -> None:
        """``width`` is in characters, for one line."""
        self._color = color
        self._width = width
        self._streaming = ""

    def feed(self, event: Traced) -> str:
        """What to print for the event, line ends included."""
        if event.type == "agent.text":
            return self._text(event)
        line = self._line(event)
        return f"{self.end()}{line}\n" if line else ""

    def end(self) -> str:
        """What closes a line of streaming text, if one is open."""
        was_open, self._streaming = self._streaming, ""
        return "\n" if was_open else ""

    def _text(self, event: Traced) -> str:
        delta = safe(str(event.data.get("delta", "")))
        if self._streaming == event.task:
            return delta
        head = self._head("TEXT", "cyan", f"{_who(event)}: ")
        before, self._streaming = self.end(), event.task
        return f"{before}{head}{delta.lstrip()}"

    def _line(self, event: Traced) -> str:
        data = event.data
        match event.type:
            case "tool.called":
                line = self._called(event)
            case "tool.returned":
                line = self._returned(data)
            case "agent.thought":
                line = self._said("PLANNING", "magenta", event, data.get("text", ""))
            case "agent.progress":
                line = self._said("INFO", "dim", event, _progress(data))
            case "llm.returned":
                line = self._said("LLM", "dim", event, _model(data))
            case "task.attempt_failed" | "task.failed" | "task.stalled" | "task.cancelled":
                line = self._said("TASK", "red", event, _trouble(event.type, data))
            case "run.succeeded" | "run.failed" | "run.cancelled":
                line = self._ended(event)
            case "bus.degraded" | "bus.restored" | "bus.reader_passed":
                line = self._head("BUS", "yellow", f"{event.type}: {log_data(data, self._width)}")
            case _:
                line = ""
        return line

    def _called(self, event: Traced) -> str:
        args = arguments(event.data.get("args"), self._width - 40)
        call = one_line(f"{event.data['tool']}({args})")
        return self._head("IO_REQ", "blue", f"{_who(event)} → {call}")

    def _returned(self, data: dict[str, Any]) -> str:
        took = f"({duration(data.get('seconds', 0.0))})"
        if data.get("ok"):
            return self._head("IO_OK", "green", f"↳ {_result(data, self._width - 30)} {took}")
        error = cut(one_line(data.get("error", "")), self._width)
        return self._head("IO_ERR", "red", f"↳ {error} {took}")

    def _ended(self, event: Traced) -> str:
        verb = event.type.removeprefix("run.")
        style = "green" if verb == "succeeded" else "red"
        reason = event.data.get("reason", "")
        said = f"{event.run} {verb} after {duration(event.data.get('seconds', 0.0))}"
        return self._head("RUN", style, said + (f": {one_line(reason)}" if reason else ""))

    def _said(self, tag: str, style: str, event: Traced, text: str) -> str:
        said = cut(one_line(text), 4 * self._width)
        return self._head(tag, style, f"{_who(event)}: {said}")

    def _head(self, tag: str, style: str, rest: str) -> str:
        return (
            painted(f"[{tag}]", style, color=self._color)
            + f"{'':{max(1, 11 - len(tag) - 2)}}{rest}"
        )


def log_line(event: Traced, *, color: bool = False, width: int = 2 * _WIDTH) -> str:
    """One line for any event: seq, time, type, who, and the data cut at ``width`` in all."""
    at = time.strftime("%H:%M:%S", time.localtime(event.time)) + f".{int(event.time % 1 * 1000):03}"
    kind = painted(f"{one_line(event.type):<20}", _style(event.type), color=color)
    names = (one_line(part) for part in (event.agent, event.task or event.run))
    said = " ".join(part for part in (*names, log_data(event.data, width)) if part)
    return f"{event.seq:>7} {at} {kind} {cut(said, max(20, width - _HEAD))}".rstrip()


def _style(kind: str) -> str:
    if kind.endswith((".failed", ".degraded", ".dead", ".stalled", ".attempt_failed")):
        return "red"
    colours = {"tool": "blue", "agent": "cyan", "run": "green", "llm": "magenta"}
    return colours.get(kind.partition(".")[0], "dim")


def _who(event: Traced) -> str:
    return one_line(event.agent or "operator").upper()


def _result(data: dict[str, Any], width: int) -> str:
    result = data.get("result")
    noun = _NOUNS.get(data.get("tool", ""))
    if noun is None and data.get("summary"):
        return cut(one_line(data["summary"]), width)
    if isinstance(result, list):
        return _counted(len(result), noun or "item")
    if noun and isinstance(result, dict):
        return _counted(len(str(result.get("text", "")).splitlines()), noun)
    return "done" if result is None else shown(result, width)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _progress(data: dict[str, Any]) -> str:
    total = f" of {data['total']:g}" if data.get("total") else ""
    note = f" {data['note']}" if data.get("note") else ""
    return f"{data.get('done', 0):g}{total}{note}"


def _model(data: dict[str, Any]) -> str:
    if data.get("error"):
        return f"{data.get('model', '')}: {data['error']}"
    tokens = f"{data.get('input_tokens', 0)}+{data.get('output_tokens', 0)} tokens"
    return f"{data.get('model', '')}: {tokens} ({duration(data.get('seconds', 0.0))})"


def _trouble(kind: str, data: dict[str, Any]) -> str:
    verb = kind.removeprefix("task.").replace("_", " ")
    if kind == "task.stalled":
        return f"stalled: {data.get('what')} for {duration(data.get('seconds', 0.0))}"
    why = data.get("reason") or f"{data.get('kind', '')}: {data.get('cause', '')}"
    return f"{verb}: {why}"
