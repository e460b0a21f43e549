"""Telemetry from programs that are not agents: what they do, where a kernel's observers see it.

    from retinue.bus.redis import telemetry

    telemetry.publish_to("redis://localhost:6379")
    telemetry.log("run-7", "crawler", "three pages are new")
    with telemetry.tool_call("run-7", "crawler", "fetch", {"url": "https://example.org"}) as call:
        call.returned(fetch("https://example.org"))

The messages are of the dialect ``live-logs``. Nothing here raises, and nothing waits for Redis: a
thread of its own sends, from a buffer that drops the oldest. With Redis away they come to nothing.
``redis`` is imported by that thread, when there is something to send.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from .log_text import call_text, result_text
from .plain import TooMuch, plain, plain_text
from .sender import Sender, Statistics

__all__ = [
    "Statistics",
    "Telemetry",
    "ToolCall",
    "close",
    "log",
    "publish_to",
    "statistics",
    "tool_call",
]

CHANNEL = "raro:live_logs"
BUFFER = 1_024
ENVIRONMENT = "RETINUE_TELEMETRY_REDIS"
"""The variable that has the URL where ``publish_to`` was not called."""

_MESSAGE = 4_000
_ERROR = 1_000

_Say = Callable[[], tuple[str, dict[str, Any]]]
"""Gives the message and further fields."""

Category = Literal["TOOL_CALL", "TOOL_RESULT", "THOUGHT"]


class Telemetry:
    """Publishes to one channel. Any thread may use it, and a child after a fork.

    It takes some 10 µs to note something, and up to some milliseconds for large arguments.
    """

    def __init__(self, url: str, channel: str = CHANNEL, *, buffer: int = BUFFER) -> None:
        """Nothing happens until something is noted. ``buffer`` counts messages that wait.

        Without a ``url`` everything is dropped, and counted.
        """
        self._sender = Sender(url, channel, buffer)

    def __repr__(self) -> str:
        return f"<Telemetry {self._sender!r}>"

    def log(
        self,
        run: str,
        agent: str,
        message: str,
        category: Category = "THOUGHT",
        metadata: str = "",
        *,
        tool_name: str | None = None,
        args: dict[str, Any] | None = None,
        duration_ms: int | None = None,
    ) -> None:
        """Note what ``agent`` does in ``run``; ``metadata`` is as the category has it by default."""
        fields = {"tool_name": tool_name, "args": args, "duration_ms": duration_ms}
        self._note(run, agent, category, metadata, lambda: (message, fields))

    def tool_call(
        self, run: str, agent: str, tool: str, args: dict[str, Any] | None = None
    ) -> ToolCall:
        """Note a call when the ``with`` block begins, and how it went when it ends."""
        return ToolCall(self._note, (run, agent), tool, args)

    def statistics(self) -> Statistics:
        """What became of the messages so far."""
        return self._sender.statistics()

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait until everything was sent or lost, for ``timeout`` seconds at most; tells whether."""
        return self._sender.flush(timeout)

    def close(self, timeout: float = 0.25) -> None:
        """Send what is left, for ``timeout`` seconds at most; what is noted later is dropped."""
        self._sender.close(timeout)

    def _note(
        self,
        run: str,
        agent: str,
        category: str,
        metadata: str,
        say: _Say,
    ) -> None:
        """What goes wrong in ``say`` is contained here."""
        try:
            message, fields = say()
            told = {
                "run_id": plain_text(run),
                "agent_id": plain_text(agent),
                "category": category,
                "message": plain_text(message)[:_MESSAGE],
                "metadata": metadata or _METADATA.get(category, "INFO"),
                "timestamp": _now(),
                **{
                    name: _FIELDS[name](value)
                    for name, value in fields.items()
                    if value is not None
                },
            }
            self._sender.put(msgspec.json.encode(told))
        except Exception:  # noqa: BLE001 - telemetry is worth no failure of the program
            self._sender.lose()


class ToolCall:
    """One call of a tool; for one ``with`` block. What is raised in the block goes on its way."""

    def __init__(
        self,
        note: Callable[[str, str, str, str, _Say], None],
        names: tuple[str, str],
        tool: str,
        args: dict[str, Any] | None,
    ) -> None:
        """``names`` are the run's and the agent's. Nothing is noted until it is entered."""
        self._note = note
        self._names = names
        self._tool = tool
        self._args = {} if args is None else args
        self._result: Any = None
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._note(*self._names, "TOOL_CALL", "", self._call)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        went = "IO_OK" if error is None else "IO_ERR"
        self._note(*self._names, "TOOL_RESULT", went, lambda: self._end(error))

    def returned(self, result: Any) -> None:
        """What the tool gave back: the beginning of it is shown."""
        self._result = result

    def _call(self) -> tuple[str, dict[str, Any]]:
        args = _whole(self._args)
        shown = call_text(plain_text(self._tool), msgspec.json.encode(args).decode())
        return shown, {"tool_name": self._tool, "args": args}

    def _end(self, error: BaseException | None) -> tuple[str, dict[str, Any]]:
        seconds = time.perf_counter() - self._began
        shown = _returned(self._result) if error is None else _failed(error)
        return shown, {"tool_name": self._tool, "duration_ms": seconds * 1000}


class _Default:
    """Where the functions of this module publish: as told, or as the environment says."""

    def __init__(self) -> None:
        self.telemetry: Telemetry | None = None

    def get(self) -> Telemetry:
        if self.telemetry is None:
            self.telemetry = Telemetry(os.environ.get(ENVIRONMENT, ""))
        return self.telemetry


_default = _Default()


def publish_to(url: str, channel: str = CHANNEL, *, buffer: int = BUFFER) -> Telemetry:
    """Have the functions of this module publish there from now on."""
    before, _default.telemetry = _default.telemetry, Telemetry(url, channel, buffer=buffer)
    if before is not None:
        before.close(0.0)
    return _default.telemetry


def log(
    run: str,
    agent: str,
    message: str,
    category: Category = "THOUGHT",
    metadata: str = "",
    *,
    tool_name: str | None = None,
    args: dict[str, Any] | None = None,
    duration_ms: int | None = None,
) -> None:
    """As ``Telemetry.log``."""
    fields: dict[str, Any] = {"tool_name": tool_name, "args": args, "duration_ms": duration_ms}
    _default.get().log(run, agent, message, category, metadata, **fields)


def tool_call(run: str, agent: str, tool: str, args: dict[str, Any] | None = None) -> ToolCall:
    """As ``Telemetry.tool_call``."""
    return _default.get().tool_call(run, agent, tool, args)


def statistics() -> Statistics:
    """As ``Telemetry.statistics``."""
    return _default.get().statistics()


def close(timeout: float = 0.25) -> None:
    """As ``Telemetry.close``."""
    _default.get().close(timeout)


_METADATA = {"TOOL_CALL": "IO_REQ", "TOOL_RESULT": "IO_OK", "THOUGHT": "PLANNING"}
_OMITTED = {"omitted": "there is too much of it to be sent"}


def _now() -> str:
    seconds = time.time()
    whole = int(seconds)
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{shown}.{int((seconds - whole) * 1000):03d}Z"


def _whole(args: Any) -> Any:
    try:
        copied = plain(args)
    except TooMuch:
        return dict(_OMITTED)
    return copied if isinstance(copied, dict) else {"value": copied}


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "tool_name": plain_text,
    "args": _whole,
    "duration_ms": lambda value: max(0, round(value)),
}


def _returned(result: Any) -> str:
    if result is None or isinstance(result, str):
        return result_text(plain_text(result or ""))
    return result_text(msgspec.json.encode(_whole(result)).decode())


def _failed(error: BaseException) -> str:
    """Also of an error whose own text cannot be had."""
    try:
        return plain_text(f"{type(error).__name__}: {error}")[:_ERROR]
    except Exception:  # noqa: BLE001 - a foreign __str__
        return type(error).__name__
