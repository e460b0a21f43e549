"""The composition root: every part of one kernel, and how they are joined."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from retinue.actors.admission import Admission
from retinue.actors.agent import Working
from retinue.actors.completions import Completions
from retinue.actors.execution.service import Service
from retinue.actors.execution.shared import SharedExecutor
from retinue.actors.execution.threads import ThreadExecutor
from retinue.actors.execution.executor import Executor
from retinue.actors.feed import Feed
from retinue.actors.journal import JournalActor
from retinue.actors.models import Models
from retinue.actors.orchestrator import Orchestrator
from retinue.actors.plugin_manager import PluginManager
from retinue.actors.progress import Budgets
from retinue.actors.roster import Roster
from retinue.actors.runtime import System
from retinue.actors.scheduler import Scheduler
from retinue.actors.scheduling.line import Line
from retinue.actors.scheduling.policies import make_policy
from retinue.actors.scribe import Scribe
from retinue.actors.tasks import TaskTable
from retinue.actors.toolbox import Toolbox
from retinue.actors.turn import Services
from retinue.actors.watchdog import Watchdog
from retinue.bus.clock import Clock
from retinue.bus.envelope import Event
from retinue.bus.ids import Ids, random_boot
from retinue.bus.journal import EventStore, Filter, MemoryStore
from retinue.bus.messages import TERMINAL_TASK, AgentFailed
from retinue.bus.views import BusView, PluginView
from retinue.plugins.llm.model import ChatModel

from .config import Config

__all__ = ["Tree"]


class Tree:
    """The parts in the order in which they start; ``close`` ends them in the opposite one."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        models: Mapping[str, Callable[[], ChatModel]],
        store: EventStore | None = None,
    ) -> None:
        """Nothing runs until ``start``, but the store and the data are there."""
        self.config = config
        self.clock = clock
        limits = config.limits
        self.ids = Ids(random_boot(secrets.randbits))
        self.store = store or MemoryStore(limits.journal_events)
        self.feed = Feed(self.store)
        self.completions = Completions()
        self.table = TaskTable(limits.ended_tasks)
        self.roster = Roster()
        self.admission = Admission(self.roster, limits.input_bytes, limits.open_tasks)
        self.toolbox = Toolbox(self.ids.make, clock.monotonic)
        self.models = Models(models, config.models.default, self.ids.make, clock.monotonic)
        self.plugins: dict[str, PluginView] = {}
        self.turns: dict[str, Working] = {}
        self.failures: list[str] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.system = System(config.name, clock=clock)
        self.shared = SharedExecutor(f"retinue-{config.name}-agents", report=self.report)
        self.service = Service(f"retinue-{config.name}-service", self.report)
        self.executors: dict[str, Executor] = {
            "shared": self.shared,
            "thread": ThreadExecutor(self.shared.run, self.service, self.report),
        }

    def start(self) -> None:
        """Start the kernel's actors, the journal first."""
        config, system = self.config, self.system
        self.journal = system.start(
            JournalActor,
            self.store,
            (self.completions.committed, self.feed.committed),
            name="journal",
        )
        self.scribe = Scribe(self.ids, self.clock, self.journal)
        self.services = Services(
            self.scribe,
            self.completions,
            self.toolbox,
            self.models,
            lambda: self.orchestrator,
            lambda: self.scheduler,
            self.ended,
            self.mirrored,
        )
        schedule = config.scheduler
        policy = make_policy(schedule.policy, schedule.ageing)
        line = Line(policy, schedule.max_running, schedule.max_per_agent)
        self.scheduler = system.start(
            Scheduler,
            self.scribe,
            lambda: self.orchestrator,
            line,
            schedule.ageing,
            name="scheduler",
        )
        self.orchestrator = system.start(
            Orchestrator,
            self.scribe,
            lambda: self.scheduler,
            self.admission,
            self.table,
            system.after,
            random.SystemRandom().random,
            name="orchestrator",
        )
        self.manager = system.start(
            PluginManager,
            self.scribe,
            self.toolbox,
            self.shared.run,
            self.mirrored,
            self.plugins,
            name="plugins",
        )
        watch = config.watchdog
        self.watchdog = system.start(
            Watchdog,
            self.scribe,
            lambda: self.orchestrator,
            tuple(self.executors.values()),
            self.turns,
            Budgets(watch.stall, watch.tool, watch.stream, watch.turn),
            watch.action,
            system.after,
            time.monotonic,
            name="watchdog",
        )

    def report(self, agent: str, text: str) -> None:
        """Something that belongs to no task's outcome: it becomes an event."""
        self.scribe.append(
            [self.scribe.write(AgentFailed("Report", text, "contained"), agent=agent)]
        )

    def mirrored(self, seq: int) -> None:
        """Nobody mirrors yet."""

    def ended(self, task: str) -> Event | None:
        """The committed end of a task; ``None`` while it is open, or its end not yet committed."""
        record = self.table.tasks.get(task)
        if record is None or record.open:
            return None
        only = Filter(run=record.run, task=task, types=tuple(TERMINAL_TASK))
        return next(self.store.read(0, only), None)

    def bus_view(self) -> BusView:
        """The mirror, as it is now."""
        return BusView("off", "none")

    def stop_work(self, timeout: float) -> None:
        """End every turn and every model; the journal still takes what they say last."""
        for executor in self.executors.values():
            executor.close(timeout)
        self.service.close(timeout)
        self.models.close()

    def close(self, timeout: float) -> None:
        """Stop the actors, newest first, then the store."""
        self.system.close(timeout)
        self.feed.close()
        self.store.close()
