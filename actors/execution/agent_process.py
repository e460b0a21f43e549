"""One agent's process and the turns in it. All on the service's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import msgspec

from retinue.bus.clock import SystemClock
from retinue.bus.errors import CodecError, InvalidInput, RetinueError
from retinue.plugins.agents import AgentSpec
from retinue.plugins.host.failures import one_line
from retinue.plugins.host.faults import Fault, pack
from retinue.plugins.host.frames import (
    Answer,
    Ask,
    Chunk,
    Drop,
    Ended,
    Finish,
    FromChild,
    Load,
    Ready,
    Refused,
    Step,
    Tell,
)
from retinue.plugins.protocol.rules import Violation

from .bridge import Run
from .cells import Cells
from .child_process import ChildProcess
from .executor import Outcome, ProcessDied, Report
from .outcomes import failed, failure
from .process_turn import ProcessTurn
from .service import Service
from .serving import event_of, serve

__all__ = ["AgentProcess", "House"]

_MAX_ASKS = 256
_START = 15.0


class House(Protocol):
    """What a process needs of its executor."""

    run: Run
    service: Service
    report: Report
    cells: Cells
    grace: float
    memory: int

    def vacate(self, process: AgentProcess, waiting: list[ProcessTurn]) -> None:
        """The process is gone; ``waiting`` had not begun in it."""


class AgentProcess:
    """Serves one agent's turns: a plain function's one after another, an async one's together."""

    def __init__(self, agent: str, spec: AgentSpec, house: House) -> None:
        """Raises nothing: a process that cannot be started ends its turns, and says why."""
        self.agent = agent
        self.spec = spec
        self._house = house
        self._waiting: deque[ProcessTurn] = deque()
        self._active: dict[int, ProcessTurn] = {}
        self._ready = False
        self._retiring = False
        self._refused: Outcome | None = None
        self._loop = asyncio.get_running_loop()
        self._start_timer: asyncio.TimerHandle | None = None
        self._child = ChildProcess(
            house.cells.starter(spec, house.memory),
            house.cells.warden(agent),
            SystemClock(),
            self._take,
            partial(house.report, agent),
            self._runs,
            self._gone,
        )
        self._child.send(Load(spec.reference or ""))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def add(self, turn: ProcessTurn) -> None:
        """Begin the turn, now or when those before it are over."""
        self._waiting.append(turn)
        self._pump()

    def has(self, turn: ProcessTurn) -> bool:
        """Whether the turn runs in here."""
        return turn.number in self._active

    def interrupt(self, turn: ProcessTurn) -> None:
        """The turn, which runs in here, was told to stop."""
        for future in list(turn.asks.values()):
            future.cancel()
        self._send(Tell(turn.number, turn.stop.cause if turn.stop else ""))
        self._loop.call_later(self._house.grace, self._force, turn)

    def retire(self) -> None:
        """Let the turns that are here end, then the agent's ``on_stop`` run, then the process end."""
        self._retiring = True
        self._pump()

    def kill(self, why: str) -> None:
        """End the process; the turns in it end with it."""
        self._child.kill(why)

    def _pump(self) -> None:
        while self._ready and self._waiting and (self.spec.is_async or not self._active):
            self._begin(self._waiting.popleft())
        if self._retiring and not self._active and not self._waiting:
            self._send(Finish())
            self._loop.call_later(self._house.grace, self.kill, "did not finish in time")

    def _begin(self, turn: ProcessTurn) -> None:
        if turn.over:
            return
        try:
            self._child.send(turn.frame())
        except Exception as error:  # noqa: BLE001 - a state that is no JSON, a port that fails
            turn.leave(failure(error))
            return
        self._active[turn.number] = turn
        turn.where = f"in process {self.pid}"
        if turn.turn.timeout is not None:
            turn.timer = self._loop.call_later(turn.turn.timeout, turn.expire)

    def _force(self, turn: ProcessTurn) -> None:
        if turn.number in self._active:
            self.kill(f"was killed: task {turn.task_id} did not stop when it was told to")

    def _runs(self) -> None:
        """It is behind its walls, and imports its agent."""
        said = f"did not import its agent within {_START:g} s"
        self._start_timer = self._loop.call_later(_START, self.kill, said)

    def _started(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()

    def _take(self, message: FromChild) -> None:
        if isinstance(message, Ready):
            self._ready = True
            self._started()
            self._pump()
        elif isinstance(message, Refused):
            self._refused = failed(message.failure)
            self.kill("could not import its agent")
        elif (turn := self._active.get(message.turn)) is None:
            return  # it ended before this came
        elif isinstance(message, Step):
            self._step(turn, message)
        elif isinstance(message, Ask):
            self._ask(turn, message)
        elif isinstance(message, Drop):
            if (future := turn.asks.get(message.request)) is not None:
                future.cancel()
        else:
            self._ended(turn, message)

    def _step(self, turn: ProcessTurn, step: Step) -> None:
        try:
            event = event_of(step)
        except InvalidInput as error:
            raise Violation(str(error)) from error
        try:
            turn.turn.port.emit(event)
        except RetinueError as error:  # the kernel's own trouble, not the child's
            self._house.report(self.agent, f"its {step.event} was not taken: {error}")

    def _ended(self, turn: ProcessTurn, ended: Ended) -> None:
        del self._active[turn.number]
        turn.leave(turn.stop or _outcome(turn, ended))
        self._pump()

    def _ask(self, turn: ProcessTurn, ask: Ask) -> None:
        if len(turn.asks) >= _MAX_ASKS:
            error = InvalidInput(f"more than {_MAX_ASKS} calls at once; wait for some of them")
            self._send(Answer(ask.request, fault=pack(error)))
            return
        post = self._house.service.post

        def chunk(value: bytes) -> None:
            post(lambda: self._send(Chunk(ask.request, value)))

        if turn.door is None:
            turn.door = self._house.cells.door(self.spec, turn.turn.port)
        future = self._house.run(serve(turn.turn.port, turn.door, ask, chunk), self.agent)
        turn.asks[ask.request] = future
        future.add_done_callback(lambda done: post(lambda: self._answer(turn, ask.request, done)))

    def _answer(self, turn: ProcessTurn, request: int, done: Future[Any]) -> None:
        turn.asks.pop(request, None)
        if turn.number not in self._active:
            return
        if done.cancelled():
            fields = {"task": turn.task_id, "reason": "the turn was told to stop"}
            self._send(Answer(request, fault=Fault("TaskCancelled", "", fields)))
        elif (error := done.exception()) is not None:
            self._send(Answer(request, fault=pack(error)))
        else:
            self._try(request, Answer(request, done.result()))

    def _try(self, request: int, answer: Answer) -> None:
        try:
            self._send(answer)
        except InvalidInput as error:  # too big
            self._send(Answer(request, fault=pack(error)))

    def _send(self, message: msgspec.Struct) -> None:
        self._child.send(message)

    def _gone(self, how: str) -> None:
        self._started()
        waiting, active = list(self._waiting), list(self._active.values())
        self._waiting.clear()
        self._active.clear()
        if self._child.refusal is not None:
            self._refused = failure(self._child.refusal)
        if not self._ready:  # whoever comes next would fare no better
            waiting, active = [], waiting
        for turn in active:
            turn.leave(turn.stop or self._refused or self._died(how))
        self._house.vacate(self, waiting)

    def _died(self, how: str) -> Outcome:
        cause = f"agent '{self.agent}': its process {how}"
        return Outcome(kind=ProcessDied.__name__, cause=one_line(cause))


def _outcome(turn: ProcessTurn, ended: Ended) -> Outcome:
    if ended.failure is not None:
        return failed(ended.failure)
    try:
        state = msgspec.json.decode(ended.state, type=dict[str, Any])
        msgspec.json.decode(ended.result)
    except msgspec.DecodeError as error:
        return failure(CodecError(f"the agent's process sent no JSON: {error}", ended.result))
    turn.turn.port.state.clear()
    turn.turn.port.state.update(state)
    return Outcome(ended.result)
