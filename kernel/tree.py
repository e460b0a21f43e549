"""The composition root: every part of one kernel, and how they are joined."""

from __future__ import annotations

import os
import random
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future as LoopFuture
from typing import TYPE_CHECKING, Any

from retinue.actors.admission import Admission
from retinue.actors.agent import Working
from retinue.actors.approval_desk import Desk as Approvals
from retinue.actors.bus import BusActor, hold_back
from retinue.actors.child_specs import ChildSpec
from retinue.actors.completions import Completions
from retinue.actors.execution import Executors
from retinue.actors.feed import Feed
from retinue.actors.fold import Folded
from retinue.actors.journal import InlineJournalActor, JournalActor, JournalHealth
from retinue.actors.keeping import Record
from retinue.actors.models import Models
from retinue.actors.orchestrator import Orchestrator
from retinue.actors.past import Pasts
from retinue.actors.plugin_manager import PluginManager
from retinue.actors.roster import Roster
from retinue.actors.runtime import ActorRef, DeadLetter, Down, System
from retinue.actors.scheduler import Desk, Scheduler
from retinue.actors.scheduling.line import Line
from retinue.actors.scheduling.policies import make_policy
from retinue.actors.scribe import Scribe
from retinue.actors.secrecy import Secrecy
from retinue.actors.supervisor import Supervisor
from retinue.actors.turn import Services
from retinue.bus.clock import Clock
from retinue.bus.envelope import Event
from retinue.bus.errors import ActorDead, KernelClosed, RetinueError
from retinue.bus.ids import Ids, random_boot
from retinue.bus.journal import EventStore, Filter, MemoryStore
from retinue.bus.journal.retold import Retold
from retinue.bus.messages import TERMINAL_TASK, AgentFailed, EventBody, SupervisorActed
from retinue.bus.views import BusView, PluginView
from retinue.plugins.llm.model import ChatModel
from retinue.plugins.pages import Pages
from retinue.plugins.policy import Policy

from .calling import approver_of, loads_of, toolbox_of
from .commits import listeners
from .config import Config
from .dead_letters import told
from .hearing import Hearing
from .hosted import Hosted
from .inflow import Inflow
from .mediating import Mediation
from .mirroring import HOLD_BACK, bus_view, make_mirror
from .retaining import keepers
from .watching import watchdog_of

if TYPE_CHECKING:
    from retinue.bus.redis.mirror import Publishes

__all__ = ["Tree"]


class Tree:
    """The parts in the order in which they start; they end in the opposite one."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        models: Mapping[str, Callable[[], ChatModel]],
        store: EventStore,
        state: Folded,
        secrecy: Secrecy,
        publisher: Publishes | None = None,
        policy: Policy | None = None,
    ) -> None:
        """No actor runs until ``start``; ``state`` is what ``store`` tells, and outlives restarts."""
        self.config, self.clock = config, clock
        self.secrecy = secrecy
        self.policy, self._publisher = policy, publisher
        limits = config.limits
        self.ids = Ids(random_boot(secrets.randbits))
        self.store, self.state = store, state
        self.feed = Feed(self.store)
        self.completions = Completions()
        self.table = state.table
        self.roster = Roster()
        self.inflow = Inflow(limits.mailbox_messages, limits.mailbox_bytes)
        self.health = JournalHealth()
        self.retention = Record()
        self.admission = Admission(
            self.roster, self.health, secrecy, limits.input_bytes, limits.open_tasks
        )
        self.effects = state.effects
        self.pasts = Pasts()
        self.desk = Approvals(state.approvals)
        self.toolbox = toolbox_of(self)
        self.models = Models(
            models,
            config.models.default,
            self.ids.make,
            clock.monotonic,
            secrecy if config.records_models else None,
        )
        self.plugins: dict[str, PluginView] = {}
        self.pages: dict[str, Pages] = {}
        self.mediation = Mediation(self, os.environ)
        services = self.mediation.services
        self.hosted = Hosted(config, self.say, clock, os.environ, state.grants, services)
        self.hosted.permit = loads_of(policy, self.say)
        self.lender = self.mediation.lender(self.hosted.tell, self.hosted.hosts)
        self.turns: dict[str, Working] = {}
        self.states = state.states
        self.hurried = False
        self.unsaid: deque[str] = deque(maxlen=100)
        self.system = System(
            config.name, clock=clock, on_dead_letter=self._dead, on_failure=self._failed
        )
        self.executors = Executors(
            f"retinue-{config.name}-agents",
            self.hosted.cells,
            report=self.report,
            stall_after=config.watchdog.loop,
            clock=clock,
        )

    def start(self) -> None:
        """Start the kernel's actors under their supervisor, the journal first."""
        self.hearing = Hearing(self)
        heard, own = self.hearing.echoes, self._publisher
        self.mirror = make_mirror(
            self.config, self.ids.boot, self.say, self.clock, self.store, own, heard
        )
        self.journal: ActorRef[Any] = self.system.start(
            InlineJournalActor if isinstance(self.store, MemoryStore) else JournalActor,
            self.store,
            listeners(self),
            self.health,
            self.system.after,
            name="journal",
        )
        self.journal.monitor(self._broken)
        self.scribe = Scribe(self.ids, self.clock, self.journal, self.secrecy)
        self.services = self._services()
        children = [self._scheduler(), self._orchestrator(), self._manager()]
        children += [watchdog_of(self), approver_of(self), *keepers(self)]
        if self.mirror is not None and self.mirror[1] is not None:
            args = (self.mirror[1], self.system.after)
            children.insert(0, ChildSpec("bus", BusActor, args, optional=True))
            children += self.hearing.children(self.mirror[0].url)
        self.supervisor = self.system.start(Supervisor, children, name="supervisor")
        self.supervisor.monitor(self._broken)
        names = ("scheduler", "orchestrator", "plugins", "approver")
        found = map(self._child, names)
        self.scheduler, self.orchestrator, self.manager, self.approver = found

    def say(self, body: EventBody, agent: str = "") -> None:
        """Write an event down that belongs to no task; kept in ``unsaid`` once that cannot be."""
        try:
            self.scribe.append([self.scribe.write(body, agent=agent)])
        except (RetinueError, AttributeError) as error:
            self.unsaid.append(f"{body!r}: {error}")

    def report(self, agent: str, text: str) -> None:
        """What an executor has to tell that belongs to no task's outcome."""
        self.say(AgentFailed("Report", text, "contained"), agent)

    def ended(self, task: str) -> Event | None:
        """The committed end of a task; ``None`` while it is open, or its end not yet committed."""
        record = self.table.tasks.get(task)
        if record is None or record.open:
            return None
        only = Filter(run=record.run, task=task, types=tuple(TERMINAL_TASK))
        stores = (self.store, Retold(self.store))
        return next((event for store in stores for event in store.read(0, only)), None)

    def run(self, work: Coroutine[Any, Any, Any]) -> LoopFuture[Any]:
        """Run a coroutine on the agents' loop. Any thread may call it."""
        return self.executors.shared.run(work)

    def bus_view(self) -> BusView:
        """The mirror, as it is now."""
        return bus_view(self.mirror, self.hearing)

    def hurry(self) -> None:
        """Whoever waits for running tasks to end waits no longer."""
        self.hurried = True
        self.feed.committed(())

    def stop_work(self, timeout: float) -> None:
        """End every turn and every model; the journal still takes what they say last."""
        self.executors.close(timeout)
        self.hosted.close(timeout)
        self.models.close()

    def close(self, timeout: float) -> None:
        """Stop the actors, newest first, then the store and the server that is ours."""
        self.hearing.wake()
        self.system.close(timeout)
        self.mediation.close()
        self.feed.close()
        self.store.close()
        if self.mirror is not None:
            self.mirror[0].stop()

    def _services(self) -> Services:
        mirror = None if self.mirror is None else self.mirror[1]
        return Services(
            self.scribe,
            self.completions,
            self.toolbox,
            self.models,
            lambda: self.orchestrator,
            lambda: self.scheduler,
            self.table.is_wanted,
            self.ended,
            _nobody if mirror is None else hold_back(mirror, self.system.sleep, HOLD_BACK),
            self.pasts,
            self.policy,
            self.config.limits.result_bytes,
        )

    def _scheduler(self) -> ChildSpec:
        schedule = self.config.scheduler
        policy = make_policy(schedule.policy, schedule.ageing)
        line = Line(policy, schedule.max_running, schedule.max_per_agent, places=0)
        self.line = Desk(line, schedule.ageing)
        args = (self.scribe, lambda: self.orchestrator, self.line, self.table.is_wanted)
        return ChildSpec("scheduler", Scheduler, args)

    def _orchestrator(self) -> ChildSpec:
        args = (
            self.scribe,
            lambda: self.scheduler,
            self.admission,
            self.table,
            self.effects,
            self.system.after,
            random.SystemRandom().random,
            self._silence,
            self.pasts.origin,
        )
        return ChildSpec("orchestrator", Orchestrator, args)

    def _manager(self) -> ChildSpec:
        args = (
            self.scribe,
            self.toolbox,
            self.executors.shared.run,
            self.services.mirrored,
            self.plugins,
            self.hosted.plugins,
        )
        return ChildSpec("plugins", PluginManager, args)

    def _silence(self, task: str) -> None:
        working = self.turns.get(task)
        if working is not None:
            working.turn.close()

    def _child(self, name: str) -> ActorRef[Any]:
        ref = self.system.find(name)
        if ref is None:
            raise ActorDead(f"the kernel's actor {name!r} is not there: it ended while it started")
        return ref

    def _broken(self, down: Down) -> None:
        """An actor that the kernel cannot do without ended for good: say so to all who wait."""
        if down.error is None:
            return
        self.admission.closing = f"it is broken, {down.ref.name} {down.reason}: start it again"
        self.completions.abandon(KernelClosed(f"the kernel is broken: {down.reason}"))

    def _failed(self, ref: ActorRef[Any], error: BaseException, message: Any) -> None:
        kind, cause = type(error).__name__, str(error)
        self.say(SupervisorActed(ref.name, "handed to its supervisor", kind, cause))

    def _dead(self, letter: DeadLetter) -> None:
        if letter.recipient == "journal":
            self.unsaid.append(repr(letter))
            return
        self.say(told(letter))


def _nobody(seq: int) -> None:
    """No mirror: nobody needs to be told."""
