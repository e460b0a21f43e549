"""The ``live-logs`` dialect, inbound: what a program outside published, checked field by field."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ...codec import encode
from ...errors import InvalidInput
from ...messages import EventBody, TelemetryThought, TelemetryToolCalled, TelemetryToolReturned

__all__ = ["Told", "read_log"]

MAX_DEPTH = 32
"""Of arguments: nothing that reads them later has to go deeper."""

_NAME = 128
_LONGEST_MS = 2**53
_INT64 = 2**63


class Told(NamedTuple):
    """What was said, of which run, by which agent."""

    run: str
    agent: str
    body: EventBody


def read_log(payload: bytes) -> Told:
    """The message as an event of ours; fields that the dialect does not have are left out.

    Raises ``InvalidInput`` that names the field and the rule, and shows nothing of what came.
    """
    try:
        log = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(_rule(error)) from None
    _check_names(log)
    _check_time(log.timestamp)
    return Told(log.run_id, log.agent_id, log.body())


_Name = Annotated[str, Meta(min_length=1, max_length=_NAME)]
_RUN = r"^[A-Za-z0-9][A-Za-z0-9_.@/+=-]{0,127}$"
_RunName = Annotated[str, Meta(pattern=_RUN.replace("$", r"\Z"))]
"""No colon, blank, brace or glob: the run is a part of a channel's name."""


class _Log(msgspec.Struct, tag_field="category"):
    run_id: _RunName
    agent_id: _Name
    message: str
    metadata: Literal["IO_REQ", "IO_OK", "IO_ERR", "PLANNING", "INFO"]
    timestamp: Annotated[str, Meta(max_length=40)]

    @property
    def tool(self) -> str:
        return ""

    def body(self) -> EventBody:
        raise NotImplementedError


class _Call(_Log, tag="TOOL_CALL"):
    tool_name: _Name
    args: dict[str, Any]

    @property
    def tool(self) -> str:
        return self.tool_name

    def body(self) -> EventBody:
        told = ("TOOL_CALL", _plain(self.message), self.metadata, self.timestamp)
        _check_args(self.args)
        return TelemetryToolCalled(*told, self.tool_name, msgspec.Raw(encode(self.args)))


class _Result(_Log, tag="TOOL_RESULT"):
    tool_name: _Name
    duration_ms: Annotated[int, Meta(ge=0, le=_LONGEST_MS)]

    @property
    def tool(self) -> str:
        return self.tool_name

    def body(self) -> EventBody:
        told = ("TOOL_RESULT", _plain(self.message), self.metadata, self.timestamp)
        return TelemetryToolReturned(*told, self.tool_name, self.duration_ms)


class _Thought(_Log, tag="THOUGHT"):
    def body(self) -> EventBody:
        return TelemetryThought("THOUGHT", _plain(self.message), self.metadata, self.timestamp)


_decode = msgspec.json.Decoder(_Call | _Result | _Thought).decode


def _check_names(log: _Log) -> None:
    if not log.agent_id.isprintable():
        raise InvalidInput("agent_id holds control characters: a name is printable")
    if not log.tool.isprintable():
        raise InvalidInput("tool_name holds control characters: a name is printable")


def _check_time(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("timestamp is not ISO 8601: write 2001-09-09T01:46:40.123Z") from None


def _check_args(args: dict[str, Any]) -> None:
    """Level by level: what msgspec decoded may be deeper than Python's own stack."""
    level: list[Any] = [args]
    for _ in range(MAX_DEPTH):
        parts = [
            part
            for item in level
            for part in (item.values() if isinstance(item, dict) else item)
            if not isinstance(part, str)
        ]
        if any(isinstance(part, int) and not -_INT64 <= part < _INT64 for part in parts):
            raise InvalidInput("args hold a number of more than 64 bits, which msgpack cannot")
        level = [part for part in parts if isinstance(part, (dict, list))]
        if not level:
            return
    raise InvalidInput(f"args are nested deeper than {MAX_DEPTH} levels")


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _plain(text: str) -> str:
    """Without what would steer a terminal; line breaks and tabs stay."""
    return _CONTROL.sub("\ufffd", text)


def _rule(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    shown = re.sub(r"""(['"]).*\1""", "…", str(error), flags=re.DOTALL)
    return shown.replace("regex …", _RUN)
