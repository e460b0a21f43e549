"""``process.run``: a command behind the strictest walls, on a person's word each time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import Denied, InvalidInput

from ..hosting.calls import CallContext
from ..manifest.model import Limits, Permissions
from .judge import Approve
from .mediator import parameters

__all__ = ["Commands", "Finished", "ProcessService"]

MAX_OUTPUT = 1 << 20


class Finished(msgspec.Struct, frozen=True):
    """``status`` is negative for a signal; ``cut`` says that there was more output.

    ``late`` says that its time was over, and it was killed with all beneath it.
    """

    status: int
    stdout: bytes
    stderr: bytes
    cut: bool
    late: bool


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

        Raises ``PluginError`` where the host does not give the walls.
        """


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    argv: Annotated[tuple[str, ...], Meta(min_length=1, max_length=256)]
    stdin: str = ""
    seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0
    output: Annotated[int, Meta(ge=0, le=MAX_OUTPUT)] = 64 * 1024


class ProcessService:
    """For plugins of the kernel's own alone; nothing runs that no person has read and approved."""

    def __init__(self, commands: Commands, people: Approve, clock: Clock | None = None) -> None:
        """``commands`` does what was decided here, ``people`` are asked each time."""
        self._commands = commands
        self._people = people
        self._clock = clock or SystemClock()

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """The command's end. Raises ``Denied`` unless somebody approved this very command."""
        if method != "process.run":
            raise Denied("process.unknown_method", method, f"there is no {method!r} to ask for")
        asked: _Asked = parameters(params, _Asked, method)
        _check(call, asked)
        detail = {"argv": asked.argv, "stdin": asked.stdin, "seconds": asked.seconds}
        try:
            async with asyncio.timeout(self._left(call)):
                await self._people.approved(call, "run", asked.argv[0], detail)
        except TimeoutError:
            late = "nobody approved the command in the time that the call had"
            raise Denied("approval.late", asked.argv[0], late) from None
        done = await self._commands.run(
            asked.argv,
            asked.stdin.encode(),
            call.grant.permissions,
            call.grant.limits,
            min(asked.seconds, self._left(call)),
            asked.output,
        )
        return _told(done)

    def _left(self, call: CallContext) -> float:
        """Seconds, above 0."""
        return max(0.001, call.deadline - self._clock.monotonic())


def _check(call: CallContext, asked: _Asked) -> None:
    if not all(word and "\0" not in word for word in asked.argv[:1]) or "\0" in "".join(asked.argv):
        raise InvalidInput("process.run: argv is a list of arguments, the program first")
    name = asked.argv[0]
    if not call.grant.permissions.processes:
        raise Denied("process.grant", name, "it may not start processes")


def _told(done: Finished) -> Mapping[str, Any]:
    return {
        "status": done.status,
        "stdout": base64.b64encode(done.stdout).decode(),
        "stderr": base64.b64encode(done.stderr).decode(),
        "cut": done.cut,
        "late": done.late,
    }
