"""The daemon's log: events as lines on stderr. The only place that touches loguru's sinks.

The kernel itself logs nothing, it writes events; an embedded kernel therefore leaves its
host's logging as it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, TextIO

import msgspec
from loguru import logger

from retinue.bus.envelope import Event
from retinue.bus.journal import Filter
from retinue.bus.redact import Redactor, Secrets

from .text import log_data, one_line, painted

if TYPE_CHECKING:
    from loguru import Message

    from .kernel import Kernel

__all__ = ["EventLog", "configure", "level_of"]

_ORDER = ("debug", "info", "warning", "error")
_LEVELS: Mapping[str, str] = {
    "agent.failed": "error",
    "plugin.failed": "error",
    "run.failed": "warning",
    "task.failed": "warning",
    "task.attempt_failed": "warning",
    "task.stalled": "warning",
    "bus.degraded": "warning",
    "bus.telemetry_dropped": "warning",
    "bus.reader_passed": "warning",
    "message.dead": "warning",
    "kernel.supervised": "warning",
}
_INFO = ("kernel.*", "run.*", "agent.spawned", "agent.stopped", "plugin.*", "bus.*", "security.*")
_STYLES = {"debug": "dim", "info": "green", "warning": "yellow", "error": "red"}


def level_of(event_type: str) -> str:
    """How loud an event is: debug unless it tells of the kernel's own life, or of trouble."""
    told = any(fnmatchcase(event_type, glob) for glob in _INFO)
    return _LEVELS.get(event_type, "info" if told else "debug")


def configure(
    level: str,
    form: Literal["human", "json"],
    stream: TextIO,
    *,
    color: bool = False,
    secrets: Secrets | None = None,
) -> None:
    """Send what loguru and the standard library log to ``stream``; for a process of our own only.

    ``secrets`` are replaced. Tracebacks never show the values of variables, which may be some.
    """
    hide = Redactor(Secrets() if secrets is None else secrets)
    write = _json_sink(stream, hide) if form == "json" else _human_sink(stream, hide, color=color)
    logger.remove()
    logger.add(write, level=level.upper(), format="{message}", backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.WARNING, force=True)


class EventLog:
    """Logs a kernel's events since it started, on a thread of its own."""

    def __init__(self, kernel: Kernel, level: str) -> None:
        """Events that are less loud than ``level`` are not even read."""
        self._kernel = kernel
        self._only = _wanted(level)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retinue-event-log", daemon=True)

    def start(self) -> None:
        """Return at once."""
        self._thread.start()

    def close(self, timeout: float = 3.0) -> None:
        """Log what the kernel has written so far, then stop; waits ``timeout`` seconds at most."""
        self._stopped.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        for event in self._kernel.events(after=self._kernel.began - 1, only=self._only):
            if event is not None:
                _log(event)
            elif self._stopped.is_set():
                return


def _wanted(level: str) -> Filter:
    if level == "debug":
        return Filter()
    loud = {t for t, at in _LEVELS.items() if _ORDER.index(at) >= _ORDER.index(level)}
    return Filter(types=(*sorted(loud), *(_INFO if level == "info" else ())))


def _log(event: Event) -> None:
    names = {k: v for k in ("run", "task", "agent") if (v := getattr(event, k))}
    data, level = event.data, level_of(event.type)
    widths = (2000, 1000) if level in ("warning", "error") else (200, 60)  # trouble is told whole
    told = " ".join([event.type, *names.values(), log_data(data, *widths)])
    bound = logger.bind(event=event.type, seq=event.seq, data=data, **names)
    bound.log(level.upper(), "{}", told.rstrip())


def _human_sink(stream: TextIO, hide: Redactor, *, color: bool) -> Callable[[Message], None]:
    def write(message: Message) -> None:
        record = message.record
        level = record["level"].name.lower()
        shown = painted(f"{level:<7}", _STYLES.get(level, "bold"), color=color)
        head = f"{record['time']:%H:%M:%S.%f}"[:12]
        stream.write(f"{head} {shown} {hide.text(_said(record))}\n")
        stream.flush()

    return write


def _json_sink(stream: TextIO, hide: Redactor) -> Callable[[Message], None]:
    def write(message: Message) -> None:
        record = message.record
        line = {
            "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
            "level": record["level"].name.lower(),
            "message": _said(record),
            **record["extra"],
        }
        stream.write(hide.redact(msgspec.json.encode(line, enc_hook=str)).decode() + "\n")
        stream.flush()

    return write


def _said(record: Any) -> str:
    """The message, and the error that it is about, on one line."""
    error = record["exception"]
    about = f": {error.type.__name__}: {error.value}" if error and error.type else ""
    return one_line(record["message"] + about)


class _ToLoguru(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(exception=record.exc_info).log(record.levelname, "{}", record.getMessage())
