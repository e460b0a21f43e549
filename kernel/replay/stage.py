"""The kernel of a replay: its own actors and turns on one thread, with the record for a world."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Any

import msgspec

from retinue.actors.admission import Admission
from retinue.actors.agent import Agent, Working
from retinue.actors.completions import Completions
from retinue.actors.effects import Effects
from retinue.actors.fold import STEPS, Folded, fold
from retinue.actors.journal import JournalHealth
from retinue.actors.orchestrator import Orchestrator, Resume, Tell
from retinue.actors.roster import Entry as RosterEntry
from retinue.actors.roster import Roster
from retinue.actors.runtime import Future
from retinue.actors.runtime.future import ERROR, VALUE
from retinue.actors.scheduler import AgentReady, Desk, Scheduler
from retinue.actors.scribe import Committed
from retinue.actors.secrecy import Secrecy
from retinue.actors.task_table import TaskTable
from retinue.actors.toolbox import Toolbox
from retinue.actors.turn import Services
from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import (
    TERMINAL_TASK,
    AgentSpawned,
    AgentState,
    AttemptFailed,
    CancelTask,
    LlmCalled,
    LlmReturned,
    StopAgent,
    SubmitTask,
    TaskScheduled,
    ToolCalled,
)
from retinue.plugins import AgentSpec

from .answers import AnsweringModels, UncheckedTool, error_of, is_cut_off, raised, value_of
from .code import Code
from .gates import Gates
from .home import ReplayHome
from .inversions import jitter_of, seconds_until
from .ledger import Entry, Ledger
from .recording import Recording
from .scribe import ReplayScribe
from .stands import Post, Stand
from .line import RecordedLine
from .virtual_loop import VirtualLoop

__all__ = ["Stage"]

NO_BOUND = 1 << 40

AT_ONCE = 0.001
"""Seconds within which a model's whole answer is taken to have come without a wait between."""


class Haste(Enum):
    """How soon calls go ahead: none of these times is in the record, only what came of them."""

    NONE = "when the turn has nothing else to do"
    SOME = "while the turn does something else"
    MOST = "at once"


class Stage:
    """Everything of one pass over a recording. What happens next is said by the ``gates``."""

    def __init__(
        self, recording: Recording, code: Code, choose: Callable[[int], int], haste: Haste
    ) -> None:
        """Nothing has happened; ``dispose`` it in the end. ``choose(n)`` gives one of ``n`` ways."""
        self.recording = recording
        self.ledger = Ledger(recording)
        self.gates = Gates()
        self.loop = VirtualLoop(recording.events[0].time)
        self.clock = _Moment(self)
        self.scribe = ReplayScribe(self.ledger, self.clock, self)
        self.stubs: dict[str, asyncio.Future[Event]] = {}
        self.states: dict[str, Any] = {}
        self.closing = False
        self._code = code
        self._post = Post()
        self._committed: list[Event] = []
        self._ends: dict[str, Event] = {}
        self._acked: deque[str] = deque()
        self._opened: dict[str, str] = {}
        self._at_once: dict[str, bool] = {}
        self._choose = choose
        self._haste = haste
        self._effect_kinds = _effect_kinds(recording)
        self._begin(Folded(TaskTable(), Effects()))

    # ------------------------------------------------------------------ the kernel and its agents

    def _begin(self, folded: Folded) -> None:
        """The kernel's actors, on what was folded: at the start, and after each restart."""
        self.table, self.effects = folded.table, folded.effects
        self._shadow = Folded(self.table, self.effects)
        self.completions = _Watched()
        self.roster = Roster()
        self.home = ReplayHome(self.loop, self.gates)
        self.turns: dict[str, Working] = {}
        self.agents: dict[str, _RecalledAgent] = {}
        self.stubbed: set[str] = set()
        self.line = RecordedLine()
        orchestrator = Stand("orchestrator", self._to_orchestrator)
        scheduler = Stand("scheduler", self._to_scheduler)
        self.services = self._services(orchestrator, scheduler)
        secrecy = Secrecy()
        self.scheduler: Any = Post.settle(
            Scheduler, scheduler, self.scribe, lambda: orchestrator,
            Desk(self.line, 10.0), self.table.is_wanted,
        )  # fmt: skip
        self.orchestrator: Any = Post.settle(
            Orchestrator, orchestrator, self.scribe, lambda: scheduler,
            Admission(self.roster, JournalHealth(), secrecy, NO_BOUND, NO_BOUND),
            self.table, self.effects, self._after, self._random, self._silence,
        )  # fmt: skip

    def _services(self, orchestrator: Any, scheduler: Any) -> Services:
        toolbox = Toolbox(self.scribe.ids.make, self.clock.monotonic, self.effects, Secrecy())
        return Services(
            self.scribe,
            self.completions,
            toolbox,
            AnsweringModels(self, self.scribe.ids.make),
            lambda: orchestrator,
            lambda: scheduler,
            self.table.is_wanted,
            self._ends.get,
            _nobody,
        )

    def restart(self) -> None:
        """The kernel was stopped or killed, and starts again on what it had committed."""
        self._end_turns()
        self.closing = False
        folded = Folded(TaskTable(), Effects())
        for event in self._committed:
            fold(folded, event)
        self._begin(folded)
        resume = Resume(folded.due)
        self.gates.add(
            "resume", "", lambda: self._post.deliver(self.orchestrator, resume, Future())
        )

    def spawn(self, event: Event) -> None:
        """An agent is there from now on."""
        name, body = event.agent, decode(event.envelope.body, AgentSpawned)
        spec = None if name in self.recording.mute else self._code.agent(name, body)
        if name in self.recording.mute:
            self._code.leave_out(name, "its models' answers were not recorded: set models.record")
        if spec is None:
            self._place(name, self._stub(name), {})
            self.stubbed.add(name)
        else:
            self.stubbed.discard(name)
            tools = self._code.tools(spec, body.tools, self._effect_kinds, self)
            self._place(name, spec, tools)

    def know_tools(self, event: Event) -> None:
        """A plugin's tools are there: an agent that asks for another one is told their names."""
        names = event.data.get("tools", ())
        if event.type == "plugin.loaded":
            self.services.toolbox.add(UncheckedTool(name, "none", self) for name in names)

    def _place(self, name: str, spec: AgentSpec, tools: dict[str, Any]) -> None:
        ref: Any = Stand(f"agent:{name}", partial(self._to_agent, name))
        agent = Post.settle(
            _RecalledAgent, ref, name, spec, tools, None, self.home, self.services,
            self.turns, {}, self.states.__setitem__,
        )  # fmt: skip
        self.agents[name] = agent
        if name in self.roster:
            self.roster.remove(name)
        self.roster.add(RosterEntry(name, spec, spec.isolation, tuple(tools), "", ref))
        self._post.deliver(self.scheduler, AgentReady(name, ref, 1))

    def _stub(self, name: str) -> AgentSpec:
        """In the place of an agent whose code is not here: it ends as the record says."""

        async def as_recorded(ctx: Any, **input: Any) -> Any:
            ended = self.stubs[ctx.task] = self.loop.create_future()
            event = await ended
            return _given_result(event, ctx, self._next_state(ctx.task))

        return AgentSpec(as_recorded, name=name)

    def _next_state(self, task: str) -> Any:
        event = self.ledger.following("agent", task)
        if event is None or event.type != "agent.state":
            return None
        return msgspec.json.decode(decode(event.envelope.body, AgentState).state)

    def agent_of(self, task: str) -> str:
        """The agent that the task is for."""
        found = self.table.tasks.get(task)
        return "" if found is None else found.agent

    def stops(self, event: Event) -> list[tuple[str, str]]:
        """Agents of the run that were stopped not before this event."""
        after = [(name, reason) for seq, name, reason in self.recording.stops() if seq > event.seq]
        return [(name, reason) for name, reason in after if name in self.recording.agents()][:1]

    # ------------------------------------------------------------------ messages on their way

    def _to_scheduler(self, message: Any, reply: Future[Any] | None) -> None:
        self._post.deliver(self.scheduler, message, reply)

    def _to_orchestrator(self, message: Any, reply: Future[Any] | None) -> None:
        kind = getattr(message, "type", "")
        if kind == "SubmitTask":
            body = decode(message.body, SubmitTask)
            self._hold(message, "submit", body.parent, str(body.ordinal), reply)
        elif kind == "CancelTask":
            self._hold(message, "cancel", decode(message.body, CancelTask).by, message.task, reply)
        elif kind == "AttemptEnded":
            self._hold(message, "ended", message.task, "", reply)
        else:
            self._notice(message, reply)

    def _notice(self, message: Any, reply: Future[Any] | None) -> None:
        """Heard at once, unless what the Orchestrator wrote next shows that it came later."""
        deliver = partial(self._post.deliver, self.orchestrator, message, reply)
        told = self.ledger.caused_later(message.task, message.id)
        if told is None:
            deliver()
        else:
            self.gates.add("notice", message.task, deliver, told.id)

    def _to_agent(self, name: str, message: Any, reply: Future[Any] | None) -> None:
        kind = getattr(message, "type", "")
        if kind == "RunTask":
            self.gates.add("run", message.task, partial(self._run, name, message))
        elif kind == "StopAttempt":
            deliver = partial(self._post.deliver, self.agents[name], message, reply)
            self.gates.add("stop", message.task, deliver)
        else:
            self._post.deliver(self.agents[name], message, reply)

    def _hold(
        self, message: Envelope, kind: Any, task: str, ref: str, outer: Future[Any] | None
    ) -> None:
        """The Orchestrator gets it when the record shows that it did; so does the reply."""
        if self.scribe.muted:
            return

        def deliver() -> None:
            inner: Future[Any] | None = None
            if outer is not None:
                inner = Future()
                inner.on_done(lambda: self._reply(task, inner, outer))
            self._post.deliver(self.orchestrator, self._named(gate_message[0]), inner)

        gate_message = [message]
        self.gates.add(kind, task, deliver, ref, gate_message)

    def _reply(self, task: str, inner: Future[Any] | None, outer: Future[Any]) -> None:
        def hand_over() -> None:
            assert inner is not None  # noqa: S101 - on_done was called by it
            try:
                outer.settle(VALUE, inner.outcome())
            except Exception as error:  # noqa: BLE001 - the refusal is the turn's
                outer.settle(ERROR, error)

        self.gates.add("reply", task, hand_over)

    def _named(self, message: Envelope) -> Envelope:
        """A turn's command, under the ids that it had then."""
        if message.type == "CancelTask":
            asked = self.ledger.following("orchestrator", message.task, "task.cancel_requested")
            cause = message.id if asked is None else asked.envelope.cause
            return msgspec.structs.replace(message, id=cause)
        if message.type != "SubmitTask":
            return message
        body = decode(message.body, SubmitTask)
        event = self._next_child(body.parent, body.ordinal)
        return message if event is None else self._submission(event, body, message)

    def _next_child(self, parent: str, ordinal: int) -> Event | None:
        for task, body in self.recording.submitted.items():
            if body.parent == parent and body.ordinal == ordinal:
                event = self.ledger.following("orchestrator", task, "task.submitted")
                if event is not None:
                    return event
        return None

    def _submission(self, event: Event, body: SubmitTask, command: Envelope) -> Envelope:
        if command.agent in self.stubbed:  # what its code asks for is known from the record only
            was = self.recording.submitted[event.task]
            body = msgspec.structs.replace(
                body, attempts=was.attempts, attempt_timeout=was.attempt_timeout
            )
        return msgspec.structs.replace(
            command, id=event.envelope.cause, task=event.task, body=msgspec.json.encode(body)
        )

    def _run(self, name: str, message: Envelope) -> None:
        agent = self.agents[name]
        agent.recall(self.states.get(name, {}))
        self._post.deliver(agent, message)

    def _after(self, seconds: float, ref: Any, message: Tell) -> None:
        deliver = partial(self._post.deliver, self.orchestrator, message)
        if message.what == "retry" and self._came_to_line(message.task):
            deliver()
        else:
            deadline = self.table.tasks[message.task].deadline or 0.0
            due = deadline if message.what == "deadline" else self.loop.now + seconds
            self.gates.add(message.what, message.task, deliver, "", due)

    def _came_to_line(self, task: str) -> bool:
        """Whether the task was in line again when it was ended, without a turn of its own."""
        if self.ledger.following("scheduler", task) is not None:
            return False
        end = self.ledger.following("orchestrator", task, *TERMINAL_TASK)
        return end is not None and not self.ledger.is_recorded(end.envelope.cause)

    def _random(self) -> float:
        """The jitter that gives the recorded delay."""
        event = self.ledger.current()
        if event is None or event.type != "task.attempt_failed":
            return 0.0
        body = decode(event.envelope.body, AttemptFailed)
        return jitter_of(body.attempt, body.retry_in) or 0.0

    def _silence(self, task: str) -> None:
        working = self.turns.get(task)
        if working is not None:
            working.turn.close()

    # ------------------------------------------------------------------ what comes from outside

    def submit(self, event: Event) -> None:
        """A program, or a turn whose code is not here, submits the task."""
        was = self.recording.submitted[event.task]
        until = None if was.deadline is None else seconds_until(was.deadline, event.time)
        parent = self.table.tasks.get(was.parent)
        if parent is not None and parent.deadline == was.deadline:
            until = None  # it is the parent's
        body = SubmitTask(
            was.input, was.priority, until, was.key, was.parent, was.attempts,
            was.attempt_timeout, was.fairness, was.ordinal,
        )  # fmt: skip
        command = self._from_outside(event, body)
        self._post.deliver(self.orchestrator, command, Future())

    def cancel(self, event: Event) -> None:
        """Somebody outside asks to cancel the task."""
        reason, by = _reason(event)
        command = self._from_outside(event, CancelTask(reason, by))
        self._post.deliver(self.orchestrator, command, Future())

    def stop_agent(self, name: str, reason: str) -> None:
        """An operator stops an agent."""
        command = self.scribe.write(StopAgent(reason), agent=name)
        self._post.deliver(self.orchestrator, command)

    def schedule(self, event: Event) -> None:
        """The Scheduler chose the task."""
        self.line.let_next(event.task, decode(event.envelope.body, TaskScheduled))
        ref: Any = self.roster.find(event.agent).ref
        self._post.deliver(self.scheduler, AgentReady(event.agent, ref, 1))

    def take(self, entry: Entry) -> None:
        """The event came from outside, or from code that is not here: it is what it was."""
        entry.made, entry.appended = entry.event.envelope, True
        step = STEPS.get(entry.event.type)
        if step is not None and entry.event.type.startswith("tool."):
            step(self._shadow, entry.event.envelope)

    def _from_outside(self, event: Event, body: Any) -> Envelope:
        command = self.scribe.write(body, event.run, event.task, event.agent, "", event.envelope.trace)
        return msgspec.structs.replace(command, id=event.envelope.cause)

    # ------------------------------------------------------------------ what is committed

    def opened(self, task: str, call: str) -> None:
        """As ``Written.opened``."""
        self._opened[task] = call

    def appended(self, entries: Sequence[Entry], then: Committed | None) -> None:
        """As ``Written.appended``: committed once all before them are."""
        for entry in entries:
            entry.appended = True
        if then is None:
            return
        if self._haste is Haste.MOST and entries and entries[0].event.type == "tool.called":
            self._acknowledge(entries[0].event, partial(then, [entries[0].event]))
            return
        if not entries:
            then(())
            return
        last = max(entries, key=lambda entry: entry.index)
        last.then.append(partial(then, [entry.event for entry in entries]))

    def commit(self, entry: Entry) -> None:
        """The event is in the journal: whoever waited for that goes on when it is time."""
        event = entry.event
        self._committed.append(event)
        self.loop.now = max(self.loop.now, event.time)
        if event.type in TERMINAL_TASK:
            self._ends[event.task] = event
            if self.completions.is_watched(event.task):
                parent = self.recording.submitted[event.task].parent
                self.gates.add("result", parent, lambda: self.completions.committed([event]))
        if event.type == "agent.state":
            self.recall(event)
        for then in entry.then:
            if event.type == "tool.called":
                self._acknowledge(event, then)
            else:
                then()

    def recall(self, event: Event) -> None:
        """The state that an agent was left in."""
        self.states[event.agent] = msgspec.json.decode(
            decode(event.envelope.body, AgentState).state
        )

    def _acknowledge(self, event: Event, then: Callable[[], None]) -> None:
        call = decode(event.envelope.body, ToolCalled).call
        self.gates.add("ack", event.task, partial(self._ack, call, then), call)

    def _ack(self, call: str, then: Callable[[], None]) -> None:
        self._acked.append(call)
        then()

    # ------------------------------------------------------------------ answers

    async def tool(self, name: str, context: Any) -> Any:
        """As ``Answers.tool``."""
        call = self._acked.popleft()
        if self._haste is Haste.MOST and self._answers_at_once(call, context):
            return self._answer(call)
        arrived = self.loop.create_future()

        def answer() -> None:
            if not arrived.done():
                arrived.set_result(None)

        self.gates.add("answer", _task_of(context), answer, call, context)
        await arrived
        return self._answer(call)

    def _answer(self, call: str) -> Any:
        returned = self.recording.returned[call]
        if not returned.ok:
            raise raised(returned)
        return value_of(returned)

    def _answers_at_once(self, call: str, context: Any) -> bool:
        """Whether the call's answer is what its turn wrote next; how far it is is told on the way."""
        task = self.recording.caller[call]
        while (event := self.ledger.following("turn", task)) is not None:
            if event.data.get("call") != call:
                return False
            if event.type == "tool.returned":
                return not is_cut_off(self.recording.returned[call])
            self.progress(event, context)
        return False

    def progress(self, event: Event, context: Any) -> None:
        """A tool says how far it is."""
        body = event.data  # not as ToolProgress: it would make floats of whole numbers
        context.progress(body["done"], body.get("total", 0.0), body.get("note", ""))

    def model_name(self, task: str) -> str:
        """As ``Answers.model_name``."""
        event = self.ledger.following("turn", task, "llm.called")
        return "" if event is None else decode(event.envelope.body, LlmCalled).model

    def asked(self, task: str) -> tuple[str, LlmReturned | None]:
        """As ``Answers.asked``."""
        call = self._opened.get(task, "")
        answer = self.recording.answered.get(call)
        if answer is not None and call not in self._at_once:
            likely = answer.seconds < AT_ONCE
            self._at_once[call] = likely if self._choose(2) == 0 else not likely
        return call, answer

    async def piece(self, task: str, call: str) -> None:
        """As ``Answers.piece``."""
        if self._at_once.get(call):
            return
        arrived = self.loop.create_future()
        self.gates.add("piece", task, lambda: arrived.done() or arrived.set_result(None), call)
        await arrived

    # ------------------------------------------------------------------ the end

    def _end_turns(self) -> None:
        """Nothing that turns still do is of consequence."""
        self.scribe.muted = True
        self.home.end_turns()
        self.loop.run_ready()
        self.loop.drop_timers()
        self.gates.clear()
        self.stubs.clear()
        self.scribe.muted = False

    def close_turns(self) -> None:
        """The kernel is closing: turns are broken off, and may say so."""
        self.closing = False
        self.home.end_turns()

    def dispose(self) -> None:
        """End what still runs, and close the loop."""
        self._end_turns()
        self.scribe.muted = True
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class _Moment:
    """The clock of a replay: the moment of the recorded event that is next."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def time(self) -> float:
        event = self._stage.ledger.current()
        return self._stage.loop.now if event is None else event.time

    def monotonic(self) -> float:
        return self._stage.loop.now

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class _RecalledAgent(Agent):
    """An agent whose state is set to what the record says, before each turn."""

    def recall(self, state: dict[str, Any]) -> None:
        """The state that the next turn begins with."""
        self._state = state


class _Watched(Completions):
    """Completions that tell whether somebody waits."""

    def is_watched(self, task: str) -> bool:
        """Whether a turn waits for the task."""
        return task in self._futures


def _given_result(event: Event, ctx: Any, state: Any) -> Any:
    """What a turn did whose code is not here, from the event that tells its end."""
    body = msgspec.json.decode(event.envelope.body)
    if event.type != "task.succeeded":
        error = error_of(body.get("kind", "RetinueError"), body.get("cause", ""))
        delay = body.get("retry_in")
        if delay and jitter_of(body["attempt"], delay) is None:
            error.retry_after = delay  # type: ignore[attr-defined]
        raise error
    if state is not None:
        ctx.state.clear()
        ctx.state.update(state)
    return body["result"]


def _reason(event: Event) -> tuple[str, str]:
    body = msgspec.json.decode(event.envelope.body)
    return body["reason"], body.get("by", "")


def _effect_kinds(recording: Recording) -> dict[str, str]:
    """What each tool that was called has for an effect."""
    called = (event for event in recording.events if event.type == "tool.called")
    bodies = [decode(event.envelope.body, ToolCalled) for event in called]
    return {body.tool: body.effect for body in bodies}


def _task_of(context: Any) -> str:
    return ""


def _nobody(seq: int) -> None:
    """Nobody has to be told."""
