"""``process.run``: a command behind the strictest walls, on a person's word each time."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import DeadlineExceeded, Denied, InvalidInput

from ..hosting.calls import CallContext
from ..manifest.model import Limits, Permissions
from .mediator import parameters

__all__ = ["Commands", "Finished", "ProcessService"]

MAX_OUTPUT = 1 << 20


class Finished(msgspec.Struct, frozen=True):
    """``status`` is negative for a signal; ``cut`` says that there was more output."""

    status: int
    stdout: bytes
    stderr: bytes
    cut: bool


class Commands(Protocol):
    """Runs commands behind walls; awaited on any loop."""

    async def run(
        self,
        argv: tuple[str, ...],
        given: bytes,
        permissions: Permissions,
        limits: Limits,
        seconds: float,
        output: int,
    ) -> Finished:
        """Run it to its end, or kill it and everything beneath it at the end of its time.

        Raises ``PluginError`` where the host does not give the walls, ``DeadlineExceeded``.
        """


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    argv: Annotated[tuple[str, ...], Meta(min_length=1, max_length=256)]
    stdin: str = ""
    seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0
    output: Annotated[int, Meta(ge=0, le=MAX_OUTPUT)] = 64 * 1024


class ProcessService:
    """For plugins of the kernel's own alone. Without a policy that allowed the call, nothing runs."""

    def __init__(self, commands: Commands, clock: Clock | None = None) -> None:
        """``commands`` does what was decided here."""
        self._commands = commands
        self._clock = clock or SystemClock()

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """The command's end. Raises ``Denied`` unless a rule of the policy led to this very call."""
        if method != "process.run":
            raise Denied("process.unknown_method", method, f"there is no {method!r} to ask for")
        asked: _Asked = parameters(params, _Asked, method)
        _check(call, asked)
        left = call.deadline - self._clock.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"{method}: the call's time is over")
        done = await self._commands.run(
            asked.argv,
            asked.stdin.encode(),
            call.grant.permissions,
            call.grant.limits,
            min(asked.seconds, left),
            asked.output,
        )
        return _told(done)


def _check(call: CallContext, asked: _Asked) -> None:
    if not all(word and "\0" not in word for word in asked.argv[:1]) or "\0" in "".join(asked.argv):
        raise InvalidInput("process.run: argv is a list of arguments, the program first")
    name = asked.argv[0]
    if not call.grant.permissions.processes:
        raise Denied("process.grant", name, "it may not start processes")
    if not call.rule:
        raise Denied(
            "process.approval",
            name,
            "a command runs only when a rule of the operator's policy lets this call through: "
            "set [policy] file, with a rule for this tool that asks a person",
        )


def _told(done: Finished) -> Mapping[str, Any]:
    return {
        "status": done.status,
        "stdout": base64.b64encode(done.stdout).decode(),
        "stderr": base64.b64encode(done.stderr).decode(),
        "cut": done.cut,
    }
