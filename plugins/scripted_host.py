"""A plugin's host as its test scripts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from retinue.bus.codec import encode_value
from retinue.bus.errors import CodecError, RetinueError

if TYPE_CHECKING:
    from .hosting.calls import CallContext

__all__ = ["Answer", "QuietWatch", "ScriptedMediator", "ScriptedPort"]


class Answer(Protocol):
    """Answers one request, or raises."""

    def __call__(self, method: str, params: Mapping[str, Any]) -> Any:
        """The answer, a JSON value."""


class ScriptedPort:
    """The host of a tool that runs here."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """As ``HostPort.ask``."""
        return self._answer(method, dict(params))

    def wait(self, method: str, params: Mapping[str, Any]) -> Any:
        """As ``HostPort.wait``."""
        return self._answer(method, dict(params))


class ScriptedMediator:
    """The mediator of a process."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def handle(self, call: CallContext, method: str, params: bytes) -> bytes:
        """As ``Mediator.handle``."""
        return encode_value(self._answer(method, msgspec.json.decode(params)), "a scripted answer")


class QuietWatch:
    """Keeps what the process writes; nothing else of its life is of interest to a test."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def started(self, pid: int, level: str, layers: tuple[str, ...], seconds: float) -> None:
        """It runs."""

    def refused(self, call: object) -> None:
        """A system call was refused, which its code sees as an error."""

    def violated(self, error: RetinueError | CodecError) -> None:
        """The call that is open fails with it."""

    def logged(self, stream: str, line: str) -> None:
        """A line that it wrote."""
        self._lines.append(line)

    def exceeded(self, bound: object) -> None:
        """The end that follows is what its test sees."""

    def exited(self, reason: str, restart: float | None, seconds: float) -> None:
        """The call that is open fails with the reason."""
