"""What can be asked of a kernel without changing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from retinue.actors.feed import Feed
from retinue.bus.envelope import Event
from retinue.bus.errors import KernelClosed
from retinue.bus.journal import Filter
from retinue.bus.messages import SchedulerConfigured
from retinue.bus.views import AgentView, PluginView, RunView, StatusView, TaskView
from retinue.plugins.pages import Pages
from retinue.plugins.policy import Policy

from . import looks
from .asking.why import Answer
from .balances import Counts, balances
from .explaining import explain
from .follow import tail
from .journal import Journal
from .tree import Tree
from .version import VERSION

__all__ = ["Reads"]


class Reads:
    """The reading half of ``Kernel``. Any thread may use it."""

    name: str
    _tree: Tree | None
    _state: str
    _started: float
    journal: Journal
    began: int
    """The ``seq`` of this start's ``kernel.started``."""

    def status(self) -> StatusView:
        """The kernel at a glance."""
        return looks.status(self._live, self._state, VERSION, self._started, self.journal.glance())

    def agents(self) -> list[AgentView]:
        """All agents, in the order in which they were spawned."""
        tree = self._live
        return [looks.agent_view(tree, entry) for entry in tree.roster.entries()]

    def agent(self, name: str) -> AgentView:
        """One agent; raises ``UnknownAgent``."""
        return looks.agent_view(self._live, self._live.roster.find(name))

    def plugins(self) -> list[PluginView]:
        """All plugins, those that failed to load too."""
        tree = self._live
        found = [tree.hosted.view(record) for record in list(tree.plugins.values())]
        return [looks.plugin_view(tree, view) for view in found]

    def tasks(
        self,
        state: str | None = None,
        agent: str | None = None,
        run: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[TaskView]:
        """Tasks that match all that is given, newest first; ``before``: older than that task.

        Raises ``NotFound`` for a ``before`` that is not there.
        """
        return looks.task_list(self._live, state, agent, run, limit, before)

    def task(self, task: str) -> TaskView:
        """One task; raises ``NotFound``."""
        return looks.task_one(self._live, task)

    def runs(
        self,
        limit: int = 100,
        state: str | None = None,
        agent: str | None = None,
        before: str | None = None,
    ) -> list[RunView]:
        """Runs that match all that is given, newest first; ``before``: older than that run.

        Raises ``NotFound`` for a ``before`` that is not there.
        """
        return looks.run_list(self._live, limit, state, agent, before)

    def run(self, run: str) -> RunView:
        """One run; raises ``NotFound``."""
        return looks.run_one(self._live, run)

    def scheduling(self) -> SchedulerConfigured:
        """By what the Scheduler decides now."""
        return looks.scheduling(self._live)

    def why(self, id: str) -> Answer:
        """Why a task, a run or an event is as it is; raises ``NotFound``."""
        return explain(self._live, id)

    def balances(self) -> Counts:
        """By actor: what became of the messages that it was sent."""
        return balances(self._live.system)

    @property
    def last_seq(self) -> int:
        """The ``seq`` of the newest event: a cursor for ``events``."""
        return self._live.store.last

    def events(
        self,
        after: int | Literal["now", "start"] = "start",
        only: Filter | None = None,
        *,
        follow: bool = True,
    ) -> Iterator[Event | None]:
        """Events after a cursor, then live; ``None`` once a second while there are none."""
        tree = self._live
        cursor = tree.store.last if after == "now" else 0 if after == "start" else after
        return tail(tree.feed, cursor, only, live=follow)

    @property
    def feed(self) -> Feed:
        """Where events are read as they come; readable after the end, too."""
        if self._tree is None:
            raise KernelClosed(f"kernel {self.name!r} is not started: use it in a `with`")
        return self._tree.feed

    @property
    def pages(self) -> Mapping[str, Pages]:
        """The pages of its plugins, by the names of these."""
        return self._live.pages

    @property
    def policy(self) -> Policy | None:
        """The operator's rules, if there are any."""
        return self._live.policy

    @property
    def _live(self) -> Tree:
        # A kernel that drains can still be looked at, and its work cancelled; it takes no more.
        if self._tree is None or self._state not in ("running", "stopping"):
            raise KernelClosed(f"kernel {self.name!r} is {self._state}: start a new one")
        return self._tree
