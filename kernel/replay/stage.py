"""The kernel of a replay: its own actors and agents on one thread, with the record for a world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from retinue.actors.admission import Admission
from retinue.actors.agent import Agent, Working
from retinue.actors.bounds import NO_BOUND
from retinue.actors.effects import Effects
from retinue.actors.fold import STEPS, Folded
from retinue.actors.journal import JournalHealth
from retinue.actors.orchestrator import Orchestrator, Resume
from retinue.actors.past import Pasts
from retinue.actors.roster import Entry as RosterEntry
from retinue.actors.roster import Roster
from retinue.actors.scheduler import AgentReady, Desk, Scheduler
from retinue.actors.secrecy import Secrecy
from retinue.actors.task_table import TaskTable
from retinue.actors.toolbox import Toolbox
from retinue.actors.turn import Services
from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.ids import Ids
from retinue.bus.messages import AgentSpawned, KernelStarted
from retinue.plugins import AgentSpec

from .answers import AnsweringModels, UncheckedTool
from .code import Code
from .commits import Commits, state_of
from .couriers import Couriers
from .gates import Gates
from .given import Stubs
from .home import ReplayHome
from .ledger import Entry, Ledger
from .line import RecordedLine
from .recording import Recording
from .refusals import RecordedRefusals
from .scribe import ReplayScribe
from .stands import Post, Stand
from .virtual_loop import VirtualLoop
from .world import Choose, World

__all__ = ["Stage"]


class Stage:
    """Everything of one pass over a recording. What happens next is said by the ``gates``."""

    def __init__(self, recording: Recording, code: Code, choose: Choose) -> None:
        """Nothing has happened; ``dispose`` it in the end."""
        self.recording = recording
        self.ledger = Ledger(recording)
        self.loop = VirtualLoop(recording.events[0].time)
        self.gates = Gates(self.loop)
        self.clock = Moment(self.ledger, self.loop)
        make_id = Ids("replayed").make
        self.world = World(recording, self.ledger, self.gates, self.loop, choose, make_id)
        self.commits = Commits(recording, self.gates, self.world)
        self.scribe = ReplayScribe(self.ledger, self.clock, self.commits)
        self.stubs = Stubs(self.loop, self.ledger)
        self.closing = False
        self.result_bytes = NO_BOUND
        self.services: Services
        self._code = code
        self._refusals = RecordedRefusals(recording)
        self._begin(Folded(TaskTable(), Effects()))

    def started(self, event: Event, *, again: bool) -> None:
        """A kernel started; ``again``: it goes on with what another had committed of the run."""
        self.result_bytes = decode(event.envelope.body, KernelStarted).result_bytes or NO_BOUND
        if again:
            self._restart()
        else:
            self.services = replace(self.services, result_bytes=self.result_bytes)

    def _restart(self) -> None:
        self._end_turns()
        self.closing = False
        folded = self.commits.folded()
        self._begin(folded)
        resume = Resume(folded.due)
        self.gates.add("resume", "", lambda: self.couriers.ask_orchestrator(resume))

    def spawn(self, event: Event) -> None:
        """An agent is there from now on."""
        name, body = event.agent, decode(event.envelope.body, AgentSpawned)
        spec = self._spec(name, body)
        if spec is None:
            self.stubs.names.add(name)
            self._place(name, self.stubs.spec(name), {})
        else:
            self.stubs.names.discard(name)
            tools = self._code.tools(spec, body.tools, self.recording.effects, self.world)
            self._place(name, spec, tools)

    def know_tools(self, event: Event) -> None:
        """A plugin's tools are there: an agent that asks for another one is told their names."""
        names = event.data.get("tools", ()) if event.type == "plugin.loaded" else ()
        tools = (UncheckedTool(name, "none", self.world) for name in names)
        self.services.toolbox.add(tools)

    def recall(self, event: Event) -> None:
        """The state that another run left an agent in."""
        self.commits.states[event.agent] = state_of(event)

    def take(self, entry: Entry) -> None:
        """The event came from outside, or from code that is not here: it is what it was."""
        entry.made, entry.appended = entry.event.envelope, True
        step = STEPS.get(entry.event.type)
        if step is not None and entry.event.type.startswith("tool."):
            step(self._shadow, entry.event.envelope)

    def agent_of(self, task: str) -> str:
        """The agent that the task is for."""
        found = self.table.tasks.get(task)
        return "" if found is None else found.agent

    def is_given(self, agent: str) -> bool:
        """Whether the agent's code is not here."""
        return agent in self.stubs.names

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

    def _begin(self, folded: Folded) -> None:
        """The kernel's actors, on what was folded: at the start, and after each restart."""
        self.table, self.effects = folded.table, folded.effects
        self._shadow = Folded(self.table, self.effects)
        self.roster = Roster()
        self.home = ReplayHome(self.loop, self.gates, self.clock, self.world.turn_begins)
        self.turns: dict[str, Working] = {}
        self.line = RecordedLine()
        self.couriers = Couriers(self)
        self.services = self._services()
        self.couriers.serve(self._scheduler(), self._orchestrator())

    def _services(self) -> Services:
        ids = self.world.make_id
        return Services(
            self.scribe,
            self.commits.completions,
            Toolbox(ids, self.clock.monotonic, self.effects, Secrecy()),
            AnsweringModels(self.world, ids),
            lambda: self.couriers.orchestrator,
            lambda: self.couriers.scheduler,
            self.table.is_wanted,
            self.commits.ends.get,
            _nobody,
            Pasts(),
            self._refusals,
            self.result_bytes,
        )

    def _scheduler(self) -> Any:
        return Post.settle(
            Scheduler,
            self.couriers.scheduler,
            self.scribe,
            lambda: self.couriers.orchestrator,
            Desk(self.line, 10.0),
            self.table.is_wanted,
        )

    def _orchestrator(self) -> Any:
        return Post.settle(
            Orchestrator,
            self.couriers.orchestrator,
            self.scribe,
            lambda: self.couriers.scheduler,
            Admission(self.roster, JournalHealth(), Secrecy(), NO_BOUND, NO_BOUND),
            self.table,
            self.effects,
            self.couriers.after,
            self.couriers.random,
            self._silence,
            self.recording.origin,
        )

    def _spec(self, name: str, spawned: AgentSpawned) -> AgentSpec | None:
        if name in self.recording.mute:
            self._code.leave_out(
                name, "what its models answered was not recorded: set models.record"
            )
            return None
        return self._code.agent(name, spawned)

    def _place(self, name: str, spec: AgentSpec, tools: dict[str, Any]) -> None:
        ref: Any = Stand(f"agent:{name}", self.couriers.to_agent)
        remember = self.commits.states.__setitem__
        agent = Post.settle(
            RecalledAgent,
            ref,
            name,
            spec,
            tools,
            None,
            self.home,
            self.services,
            self.turns,
            {},
            remember,
        )
        self.couriers.agents[name] = agent
        if name in self.roster:
            self.roster.remove(name)
        self.roster.add(RosterEntry(name, spec, spec.isolation, tuple(tools), "", ref))
        self.couriers.tell_scheduler(AgentReady(name, ref, 1))

    def _silence(self, task: str) -> None:
        working = self.turns.get(task)
        if working is not None:
            working.turn.close()

    def _end_turns(self) -> None:
        """Nothing that turns still do is of consequence."""
        self.scribe.muted = True
        self.home.wind_up()
        self.loop.drop_timers()
        self.gates.clear()
        self.stubs.forget()
        self.world.turns_end()
        self.scribe.muted = False


class Moment:
    """The clock of a replay: the moment of the recorded event that is next."""

    def __init__(self, ledger: Ledger, loop: VirtualLoop) -> None:
        """After the last event it is the loop's."""
        self._ledger = ledger
        self._loop = loop

    def time(self) -> float:
        """Seconds since the epoch."""
        event = self._ledger.current()
        return self._loop.now if event is None else event.time

    def monotonic(self) -> float:
        """What the loop has come to."""
        return self._loop.now

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Nobody is told."""
        return lambda: None


class RecalledAgent(Agent):
    """An agent whose state is set to what the record says, before each turn."""

    def recall(self, state: dict[str, Any]) -> None:
        """The state that the next turn begins with."""
        self._state = state


def _nobody(seq: int) -> None:
    """Nobody has to be told."""
