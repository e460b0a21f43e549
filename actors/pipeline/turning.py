"""One attempt of an agent on its way through the pipeline, to where its turn is run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from retinue.bus.codec import encode_value
from retinue.bus.errors import RetinueError, Unavailable
from retinue.plugins import AgentSpec

from ..execution.base_turn import told
from ..execution.executor import Done, Outcome, Running, Turn
from ..execution.outcomes import failure
from .invocation import Caller

if TYPE_CHECKING:
    from .chain import TurnWay

__all__ = ["PipedTurn", "TurnFailed", "TurnInvocation"]

_ENDED = ("Cancelled", "KernelClosed")


class Turning(Caller, Protocol):
    """Whose turn it is."""

    attempt: int


class Starts(Protocol):
    """Where turns are run."""

    def start(self, turn: Turn, done: Done) -> Running:
        """As ``Executor.start``."""


class TurnFailed(RetinueError):
    """A turn ended badly, and would again; ``outcome`` says how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.kind}: {outcome.cause}")
        self.outcome = outcome
        self.retry_after = outcome.retry_after


class TurnTroubled(TurnFailed, Unavailable):
    """A turn ended badly, and another might end well: trouble that may pass."""


class TurnInvocation:
    """Implements ``AgentTurn``. ``push_back`` is as ``Invocation`` has it."""

    kind = "agents"
    __slots__ = ("_input", "agent", "attempt", "caller", "push_back", "work")

    def __init__(
        self,
        agent: AgentSpec,
        caller: Turning,
        input: bytes,
        work: Callable[[], Coroutine[Any, Any, Any]],
    ) -> None:
        """``work`` has the turn itself done; it raises ``TurnFailed``."""
        self.agent = agent
        self.caller = caller
        self.attempt = caller.attempt
        self.work = work
        self.push_back: Callable[[float], None] | None = None
        self._input = input

    @property
    def name(self) -> str:
        """Of the agent."""
        return self.agent.name

    @property
    def whose(self) -> str:
        """Of the agent, too."""
        return self.agent.name

    @property
    def input(self) -> Mapping[str, Any]:
        """As ``AgentTurn.input``."""
        given: dict[str, Any] = msgspec.json.decode(self._input)
        return given

    @property
    def run(self) -> str:
        """As ``AgentTurn.run``."""
        return self.caller.run

    @property
    def task(self) -> str:
        """As ``AgentTurn.task``."""
        return self.caller.task


class PipedTurn:
    """A ``Running``: the way to the turn, on the agents' loop, and then the turn."""

    def __init__(
        self,
        way: TurnWay,
        turn: Turn,
        caller: Turning,
        where: Starts,
        run: Callable[[Coroutine[Any, Any, Any], str], Future[Any]],
        done: Done,
    ) -> None:
        """``run`` starts a coroutine on the agents' loop; ``done`` hears of the end, once."""
        self._turn = turn
        self._where = where
        self._done = done
        self._lock = Lock()
        self._inner: Running | None = None
        self._stop: Outcome | None = None
        self._last: Outcome | None = None
        call = TurnInvocation(turn.spec, caller, turn.input, self._work)
        self._future = run(_passed(way, call), turn.spec.name)
        self._future.add_done_callback(self._ended)

    def cancel(self, reason: str, kind: str = "Cancelled") -> None:
        """As ``Running.cancel``; while it waits on its way it is over at once."""
        with self._lock:
            if self._stop is not None:
                return
            self._stop = told(reason, kind)
            inner = self._inner
        if inner is None:
            self._future.cancel()
        else:
            inner.cancel(reason, kind)

    def what(self) -> str:
        """As ``Running.what``."""
        inner = self._inner
        return f"agent '{self._turn.spec.name}': on its way" if inner is None else inner.what()

    async def _work(self) -> Any:
        """The turn, where its agent runs; its result as JSON values."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def tell(outcome: Outcome) -> None:
            with suppress(RuntimeError):  # that loop is lost, and so is who waited
                loop.call_soon_threadsafe(_settle, ended, outcome)

        with self._lock:
            if self._stop is not None:
                raise asyncio.CancelledError
            self._inner = self._where.start(self._turn, tell)
        outcome = self._last = await ended
        self._inner = None
        if outcome.kind in _ENDED:
            raise asyncio.CancelledError
        if outcome.kind:
            raise (TurnTroubled if outcome.retry else TurnFailed)(outcome)
        return msgspec.json.decode(outcome.result)

    def _ended(self, future: Future[Any]) -> None:
        self._done(self._outcome(future))
        if (inner := self._inner) is not None:  # a step let go of it, or its loop was lost
            inner.cancel("nobody waits for it any more")

    def _outcome(self, future: Future[Any]) -> Outcome:
        try:
            return Outcome(encode_value(future.result(), "the agent's result"))
        except TurnFailed as error:
            return error.outcome
        except (CancelledError, asyncio.CancelledError) as error:
            last = self._last if self._last is not None and self._last.kind in _ENDED else None
            return self._stop or last or failure(error)
        except BaseException as error:  # noqa: BLE001 - a step raised it, or the kernel is closed
            return failure(error)


async def _passed(way: TurnWay, call: TurnInvocation) -> Any:
    return await way(call)


def _settle(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)
