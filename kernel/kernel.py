"""``Kernel``: the whole of it inside a program, with no daemon, no Redis and no file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import msgspec

from retinue.actors.secrecy import Secrecy
from retinue.bus.clock import Clock, SystemClock
from retinue.bus.codec import encode_value
from retinue.bus.errors import KernelClosed
from retinue.bus.journal import EventStore
from retinue.bus.messages import ConfigureScheduler, InvokeTool, KernelStarted, SchedulerConfigured
from retinue.bus.redact import Secrets
from retinue.bus.views import AgentView
from retinue.plugins import AgentSpec, Plugin, Tool
from retinue.plugins.llm.model import ChatModel

from . import agents, looks
from .answering import Answering
from .calling import configured_policy
from .cancelling import cancel
from .config import Config
from .elements import Elements, Progressions, commit
from .forking import fork
from .handles import TaskHandle
from .journal import Journal
from .known_secrets import register_known
from .letters import Letters
from .model_choice import factories
from .overrides import overridden
from .plugging import adopt, load_system_plugins
from .plugin_commands import PluginCommands
from .reads import Reads
from .recovery import folded_from, open_store, resume
from .staffing import start_hosted
from .stopping import stop
from .submission import Options, Submission, handle_of, resubmission, submission
from .tree import Tree
from .version import VERSION

if TYPE_CHECKING:
    from retinue.bus.redis.mirror import Publishes

__all__ = ["Kernel"]

COMMAND_TIMEOUT = 30.0
"""Seconds until a command has to be accepted; not how long a task may run."""

Agent = AgentSpec | Callable[..., Any]
ModelSource = ChatModel | Callable[[], ChatModel]


class Kernel(Reads, PluginCommands, Answering):
    """A kernel in this process. Any thread may use it; ``close`` it, or use it in a ``with``.

    ``redis`` is ``None``, ``"auto"`` for a server of its own, or a URL; ``state_dir`` is where a
    daemon keeps its files. Nothing of the host program is touched: no signal handler, logging or
    environment, and after ``close`` no thread and no descriptor is left.
    """

    def __init__(
        self,
        name: str | None = None,
        redis: str | None = None,
        state_dir: str | Path | None = None,
        config: Config | None = None,
        *,
        models: Mapping[str, ModelSource] | None = None,
        plugins: Sequence[Plugin] = (),
        clock: Clock | None = None,
        store: EventStore | None = None,
        secrets: Secrets | None = None,
        publisher: Publishes | None = None,
    ) -> None:
        """What is given here wins over ``config``; raises ``ConfigError``.

        ``models`` adds language models by name, or replaces ``auto``, the default; ``plugins``
        adds plugins of the program's own to those that are installed. ``store`` keeps the events
        instead of the state folder or memory; the kernel closes it. ``secrets`` is a registry that
        the program has already, for its own log perhaps. ``publisher`` takes the events for
        observers instead of Redis.
        """
        self.config = overridden(config or Config(), name, redis, state_dir)
        self.name = self.config.name
        self.state_dir = Path(self.config.state_dir) if self.config.state_dir else None
        self.clock = clock or SystemClock()
        self.secrets = Secrets() if secrets is None else secrets
        register_known(self.secrets, self.config, os.environ)
        self._models = factories(self.config, os.environ, models or {})
        self._plugins = tuple(plugins)
        self._store = store
        self._publisher = publisher
        self._lock = threading.Lock()
        self._tree: Tree | None = None
        self._state = "new"
        self._started = self.clock.monotonic()

    def __repr__(self) -> str:
        return f"<Kernel {self.name!r} {self._state}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(drain=0.0)

    def start(self) -> Self:
        """Start the kernel; a context manager does it by itself."""
        with self._lock:
            if self._state != "new":
                raise KernelClosed(f"kernel {self.name!r} is {self._state}: make a new one")
            policy = configured_policy(self.config)
            store = self._store or open_store(self.config)
            state = folded_from(store, self.config.limits.ended_tasks)
            secrecy = Secrecy(self.secrets)
            self._tree = tree = Tree(
                self.config,
                self.clock,
                self._models,
                store,
                state,
                secrecy,
                self._publisher,
                policy,
            )
            tree.start()
            self._state = "running"
        self.elements = Elements(tree)
        self.progressions = Progressions(tree, self.elements)
        self.journal = Journal(tree)
        self.letters = Letters(tree, self.retry)
        scheduler = self.config.scheduler
        started = KernelStarted(
            self.name,
            VERSION,
            os.getpid(),
            scheduler.policy,
            scheduler.max_running,
            self.config.limits.result_bytes,
        )
        self.began = commit(tree, started)
        load_system_plugins(tree, self._plugins)
        start_hosted(tree, state.hosted)
        resume(tree, state)
        return self

    def close(self, drain: float | None = None, reason: str = "closed by its program") -> None:
        """Take no more work, wait up to ``drain`` seconds for what runs, and end. Safe to repeat."""
        with self._lock:
            if self._tree is None or self._state != "running":
                return
            self._state = "stopping"
        try:
            stop(self._tree, self.config.drain if drain is None else drain, reason)
        finally:
            self._state = "closed"

    def hurry(self) -> None:
        """End the wait of a ``close`` that is under way: what still runs is left unfinished."""
        if self._tree is not None:
            self._tree.hurry()

    # ------------------------------------------------------------------ agents and plugins

    def spawn(
        self,
        name: str,
        agent: Agent,
        isolation: str | None = None,
        tools: Iterable[str | Tool | Callable[..., Any]] | None = None,
        model: str | ChatModel | None = None,
        permissions: Mapping[str, Any] | None = None,
    ) -> AgentView:
        """Start an agent under a name; what is given replaces what ``@agent`` said.

        ``permissions`` replace all of an agent's that has a process of its own: ``{}`` leaves it none.
        Raises ``Denied`` for what is beyond ``[sandbox.allow]``.
        """
        entry = agents.spawn(self._live, name, agent, isolation, tools, model, permissions)
        return looks.agent_view(self._live, entry)

    def stop_agent(self, name: str, reason: str = "stopped by its program") -> None:
        """Stop an agent; its open tasks fail with the reason. Raises ``UnknownAgent``."""
        agents.stop_agent(self._live, name, reason, COMMAND_TIMEOUT)

    def load(self, plugin: Plugin) -> None:
        """Take a plugin of the program's own in: its tools, and its agents under their names."""
        adopt(self._live, plugin, "program")

    def invoke(
        self, tool: str, args: Mapping[str, Any] | None = None, timeout: float = 30.0
    ) -> Any:
        """Call a tool outside any task. Raises ``UnknownTool``, ``InvalidInput``, ``ToolError``."""
        tree = self._live
        body = msgspec.Raw(encode_value(dict(args or {}), f"the arguments of {tool}"))
        return tree.manager.ask(tree.scribe.write(InvokeTool(tool, body)), timeout=timeout)

    # ------------------------------------------------------------------ tasks and runs

    def submit(
        self,
        agent: str,
        input: Mapping[str, Any] | None = None,
        priority: int = 5,
        deadline: float | None = None,
        key: str | None = None,
        parent: str | None = None,
        *,
        fairness: str = "",
        attempts: int = 1,
    ) -> TaskHandle:
        """Have an agent do something; accepted and committed when this returns.

        ``priority`` is 0 to 9, 9 the most urgent; ``deadline`` in seconds from now, for all
        attempts. A ``key`` that was used before gives the task that has it. Raises
        ``UnknownAgent``, ``InvalidInput``, ``MailboxFull``, ``KernelClosed``.
        """
        return self.send(
            agent,
            input,
            priority=priority,
            deadline=deadline,
            key=key,
            parent=parent,
            fairness=fairness,
            attempts=attempts,
        ).handle(COMMAND_TIMEOUT)

    def send(
        self, agent: str, input: Mapping[str, Any] | None = None, **options: Unpack[Options]
    ) -> Submission:
        """``submit`` without waiting; call ``handle`` of what is returned, or ``give_up``.

        ``options`` are what ``submit`` takes besides, by name.
        ``accepted`` is a future, to be awaited or waited for. Raises ``MailboxFull`` when too much
        waits to be accepted.
        """
        return Submission(self._live, agent, submission(agent, input or {}, options))

    def submit_many(
        self, agent: str, inputs: Iterable[Mapping[str, Any]], priority: int = 5
    ) -> list[TaskHandle]:
        """``submit`` each input, waiting once for all; what is refused raises after the rest was sent."""
        sent = [self.send(agent, one, priority=priority) for one in inputs]
        return [one.handle(COMMAND_TIMEOUT) for one in sent]

    def handle(self, task: str) -> TaskHandle:
        """The handle of a task that is known by id; raises ``NotFound``."""
        return handle_of(self._live, task)

    def cancel(
        self, task: str, reason: str = "cancelled by its program", timeout: float = 30.0
    ) -> bool:
        """Cancel a task or a run, and everything under it; ``False`` when it had ended."""
        return cancel(self._live, task, reason, timeout)

    def retry(self, task: str) -> TaskHandle:
        """Do an ended task once more, as a new task and run with the same input."""
        agent, body = resubmission(self._live, task)
        return Submission(self._live, agent, body).handle(COMMAND_TIMEOUT)

    def fork(
        self, run: str, at: int | None = None, input: Mapping[str, Any] | None = None
    ) -> TaskHandle:
        """A new run that goes on from where ``run`` was at the event with ``seq`` ``at``.

        What tools and models had answered by then is taken as given, and asked anew from there on;
        so are all effects. ``at`` is the run's last event by default, ``input`` the same as then.
        Raises ``NotFound``, and ``InvalidInput`` for an event that is not the run's.
        """
        return fork(self._live, run, at, input, COMMAND_TIMEOUT)

    # ------------------------------------------------------------------ the kernel itself

    def configure_scheduler(
        self,
        policy: str | None = None,
        max_running: int | None = None,
        max_per_agent: int | None = None,
        *,
        paused: bool | None = None,
    ) -> SchedulerConfigured:
        """Swap the policy or the caps, or pause, while the kernel runs; ``None`` leaves as it is."""
        tree = self._live
        command = ConfigureScheduler(policy, max_running, max_per_agent, paused)
        configured: SchedulerConfigured = tree.scheduler.ask(tree.scribe.write(command))
        return configured
