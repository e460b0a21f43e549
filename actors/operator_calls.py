"""Calls of tools by operators: from outside any task, and perhaps followed while they run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future as LoopFuture
from functools import partial
from typing import Any

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import RetinueError, ToolError
from retinue.bus.messages import EventBody, InvokeTool, ToolReturned

from .runtime import Future
from .runtime.future import VALUE
from .scribe import Scribe
from .secrecy import Secrecy
from .steps import Mirrored, Steps
from .toolbox import Toolbox

__all__ = ["CancelCall", "FollowedCall", "OperatorCalls"]


class FollowedCall(msgspec.Struct, frozen=True):
    """An ``InvokeTool`` whose events somebody follows; answered as that is.

    ``written`` gets the ``seq`` of the call's last event once that is committed; 0 when there is none.
    """

    command: Envelope
    written: Future[int]


class CancelCall(msgspec.Struct, frozen=True):
    """Cancel a followed call, by the id of its command; answered with whether it went on."""

    call: str
    reason: str


class OperatorCalls:
    """Those that run. ``run`` runs a coroutine on the agents' loop."""

    def __init__(
        self,
        scribe: Scribe,
        toolbox: Toolbox,
        run: Callable[[Coroutine[Any, Any, Any]], LoopFuture[Any]],
        mirrored: Mirrored,
    ) -> None:
        """For one actor's thread."""
        self._scribe = scribe
        self._toolbox = toolbox
        self._run = run
        self._mirrored = mirrored
        self._followed: dict[str, _Followed] = {}

    def start(
        self, envelope: Envelope, reply: Future[Any], written: Future[int] | None = None
    ) -> None:
        """Begin the ``InvokeTool``; ``reply`` is its answer, ``written`` as for a ``FollowedCall``."""
        body = decode(envelope.body, InvokeTool)
        args: Mapping[str, Any] = msgspec.json.decode(body.args)
        steps = Steps(self._scribe, self._mirrored, cause=envelope.id)
        caller = _Operator(steps, envelope.deadline)
        followed = None if written is None else _Followed(written)
        if followed is not None:
            self._followed[envelope.id] = followed
            caller.emit = partial(_noting, steps, followed)
        call = self._run(self._toolbox.call(caller, body.tool, args, None))

        def ended(done: LoopFuture[Any]) -> None:
            if followed is not None:
                self._followed.pop(envelope.id, None)
                followed.over()
            error = _error_of(done, body.tool, followed)
            if error is None:
                reply.settle(VALUE, done.result())
            else:
                reply.fail(_told(error, self._scribe.secrecy))

        if followed is not None:
            followed.call = call
        call.add_done_callback(ended)

    def cancel(self, call: str, reason: str) -> bool:
        """Cancel a followed call, by the id of its command; tells whether it went on."""
        followed = self._followed.get(call)
        if followed is None or followed.call is None:
            return False
        followed.reason = reason
        return followed.call.cancel()


class _Operator:
    """Calls tools from outside any task."""

    run = ""
    task = ""
    agent = ""
    cancelled = False

    def __init__(self, steps: Steps, deadline: float | None) -> None:
        self.deadline = deadline
        self.emit = steps.emit
        self.told = steps.told

    def answered(self, tool: str, args: bytes) -> None:
        """An operator's call is made."""

    def effect_id(self, tool: str, args: bytes) -> str:
        """An operator's call is made once, by hand: there is no other attempt."""
        return ""


class _Followed:
    """A call whose events somebody follows."""

    def __init__(self, written: Future[int]) -> None:
        self.call: LoopFuture[Any] | None = None
        self.reason = ""
        self._written = written
        self.returned = False
        """Whether its last event is on its way."""

    def committed(self, events: Sequence[Event]) -> None:
        """Its ``tool.returned`` is; on the journal's thread."""
        self._written.settle(VALUE, events[0].seq)

    def over(self) -> None:
        """It has ended; one that was refused before it began has no events."""
        if not self.returned:
            self._written.settle(VALUE, 0)


def _noting(steps: Steps, followed: _Followed, body: EventBody) -> None:
    if type(body) is ToolReturned:
        steps.emit(body, followed.committed)
        followed.returned = True
    else:
        steps.emit(body)


def _error_of(done: LoopFuture[Any], tool: str, followed: _Followed | None) -> BaseException | None:
    if done.cancelled():
        reason = "the kernel ends" if followed is None else followed.reason
        return ToolError(f"{tool}: the call was cancelled: {reason}")
    return done.exception()


def _told(error: BaseException, secrecy: Secrecy) -> BaseException:
    """The error as the operator gets it."""
    if isinstance(error, RetinueError):
        return secrecy.scrubbed(error)
    return RuntimeError(secrecy.text(repr(error)))
