"""One actor per agent: its conversation, its state, and the turns that it is working on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from retinue.bus.codec import decode, encode_value
from retinue.bus.envelope import Envelope
from retinue.bus.errors import InvalidInput, ResultTooLarge
from retinue.bus.messages import (
    AgentState,
    AttemptEnded,
    RunTask,
    StopAttempt,
    TaskRunning,
)
from retinue.plugins import AgentSpec, Tool

from .base import KernelActor
from .bounds import check_result
from .execution import Executors, Outcome, Running, Turn
from .pipeline.turning import PipedTurn
from .runtime import ActorRef
from .turn import KernelTurn, Services

__all__ = ["Agent", "Retire", "TurnOver", "Working"]


class TurnOver(msgspec.Struct, frozen=True, gc=False):
    """From an executor: the turn of ``task`` ended."""

    task: str
    outcome: Outcome


class Retire(msgspec.Struct, frozen=True):
    """The agent is stopped: end this actor once its last turn is over."""


class Working(msgspec.Struct, gc=False):
    """A turn that runs, as the watchdog and the views see it."""

    turn: KernelTurn
    began: float
    running: Running | None = None


class Agent(KernelActor):
    """A light actor that runs its agent's code elsewhere, on the executor of its isolation.

    ``turns`` maps task ids to the turns of all agents, for the watchdog and the views to read.
    """

    handles: ClassVar = {
        "RunTask": "_run",
        "StopAttempt": "_stop_attempt",
        TurnOver: "_over",
        Retire: "_retire",
    }

    def __init__(
        self,
        name: str,
        spec: AgentSpec,
        tools: Mapping[str, Tool],
        model: Any,
        executor: Executors,
        services: Services,
        turns: dict[str, Working],
        state: dict[str, Any],
        remember: Callable[[str, dict[str, Any]], None],
    ) -> None:
        """``state`` is what earlier turns left; ``remember`` keeps it over a restart."""
        super().__init__()
        self._name = name
        self._spec = spec
        self._tools = tools
        self._model = model
        self._executor = executor
        self._services = services
        self._turns = turns
        self._mine: set[str] = set()
        self._state = state
        self._remember = remember
        self._retiring = False
        self._runner = None if spec.isolation == "process" else spec.instance()

    def _run(self, envelope: Envelope) -> None:
        body = decode(envelope.body, RunTask)
        scribe = self._services.scribe
        if not self._services.is_wanted(envelope.task):
            self._say_ended(envelope, AttemptEnded(body.attempt, kind="Cancelled"))
            return
        now = scribe.clock.time()
        deadline = _deadline(body, now)
        turn = KernelTurn(
            self._services,
            envelope,
            body,
            deadline,
            self._tools,
            self._model,
            _copy(self._state),
        )
        running = scribe.write(
            TaskRunning(body.attempt),
            envelope.run,
            envelope.task,
            self._name,
            envelope.id,
            envelope.trace,
            now,
        )
        scribe.append((running,))
        self._services.orchestrator().tell(running)
        working = self._turns[envelope.task] = Working(turn, scribe.clock.monotonic())
        self._mine.add(envelope.task)
        work = Turn(self._spec, self._runner, bytes(body.input), turn, body.timeout)
        done = _Done(self.actor_ref, turn)
        way = self._services.toolbox.pipeline.turn(self._spec)
        if way is None:
            working.running = self._executor.start(work, done)
        else:
            run = self._executor.shared.run
            working.running = PipedTurn(way, work, turn, self._executor, run, done)

    def _stop_attempt(self, envelope: Envelope) -> None:
        working = self._turns.get(envelope.task)
        if working is not None and working.running is not None:
            working.turn.cancelled = True
            working.running.cancel(decode(envelope.body, StopAttempt).reason)

    def _over(self, message: TurnOver) -> None:
        turn, outcome = self._turns.pop(message.task).turn, message.outcome
        self._mine.discard(message.task)
        if not outcome.kind and self._services.is_wanted(turn.task):
            outcome = self._keep(turn, outcome)
        ended = AttemptEnded(
            turn.attempt,
            msgspec.Raw(outcome.result),
            outcome.kind,
            self._services.scribe.secrecy.uncut(outcome.cause),
            outcome.retry,
            outcome.retry_after,
        )
        self._say_ended(turn, ended)
        if self._retiring:
            self._retire(Retire())

    def _say_ended(self, of: Envelope | KernelTurn, ended: AttemptEnded) -> None:
        scribe = self._services.scribe
        self._services.orchestrator().tell(scribe.write(ended, of.run, of.task, self._name))

    def _retire(self, _: Retire) -> None:
        self._retiring = True
        if not self._mine:
            self._executor.forget(self._name, self._runner, self._spec.isolation)
            self.stop()

    def _keep(self, turn: KernelTurn, outcome: Outcome) -> Outcome:
        """Commit the state that a successful turn changed.

        A result over its bound fails the turn, and so does a state that JSON cannot hold.
        """
        try:
            check_result(outcome.result, self._services.result_bytes, f"agent {self._name!r}")
            if turn.state == self._state:
                return outcome
            body = encode_value(turn.state, f"the state of agent {self._name!r}")
        except (InvalidInput, ResultTooLarge) as error:
            return Outcome(kind=type(error).__name__, cause=str(error), retry=False)
        scribe = self._services.scribe
        event = scribe.write(AgentState(msgspec.Raw(body)), turn.run, turn.task, self._name)
        scribe.append([event])
        # What was committed, so that no secret outlives its task in here and is told later.
        self._state = msgspec.json.decode(decode(event.body, AgentState).state)
        self._remember(self._name, self._state)
        return outcome


class _Done:
    """What an executor calls once the turn ended. A closure would be six objects."""

    __slots__ = ("_ref", "_turn")

    def __init__(self, ref: ActorRef[Any], turn: KernelTurn) -> None:
        self._ref = ref
        self._turn = turn

    def __call__(self, outcome: Outcome) -> None:
        self._turn.close()
        self._ref.tell(TurnOver(self._turn.task, outcome))


def _deadline(body: RunTask, now: float) -> float | None:
    """The attempt's end in seconds since the epoch, for the agent to read.

    Not what ends it: the wall clock may jump. The Orchestrator and the executor have timers.
    """
    if body.timeout is None:
        return body.until
    return now + body.timeout if body.until is None else min(body.until, now + body.timeout)


def _copy(state: Mapping[str, Any]) -> dict[str, Any]:
    """A turn's own copy: a turn that fails leaves no trace in the state."""
    if not state:
        return {}
    copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(state))
    return copied
