"""Read-only pictures of the kernel's state, as operators and programs get them."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "AcceptedView",
    "AgentView",
    "ApprovalView",
    "BusView",
    "JournalView",
    "PluginProposal",
    "PluginView",
    "RunView",
    "StatusView",
    "TaskView",
]


class TaskView(msgspec.Struct, frozen=True):
    """One task. ``state`` as in ``messages.tasks``; times are seconds since the epoch.

    ``waiting_for`` says in words why a task that does not run does not, and is empty otherwise.
    """

    id: str
    run: str
    agent: str
    state: str
    priority: int
    parent: str
    attempt: int
    submitted: float
    started: float | None
    ended: float | None
    deadline: float | None
    waiting_for: str = ""
    error: str = ""
    result: Any = None


class AcceptedView(TaskView, frozen=True):
    """A task that was accepted, and a ``cursor``: a ``seq`` before the first event of its run."""

    cursor: int = 0


class RunView(msgspec.Struct, frozen=True):
    """One run: its root task's agent and state, and how many tasks it has."""

    id: str
    root: str
    agent: str
    state: str
    tasks: int
    open: int
    started: float
    ended: float | None


class AgentView(msgspec.Struct, frozen=True):
    """One agent. ``state`` is idle, running, stalled or stopped; ``since`` is for the current task.

    ``level`` is that of the walls around a process of its own, ``permissions`` what that may, in words.
    ``pipeline`` is what its turns pass, the outermost first.
    """

    name: str
    isolation: str
    state: str
    tools: tuple[str, ...]
    model: str
    running: tuple[str, ...]
    queued: int
    done: int
    failed: int
    step: str
    since: float | None
    schema: dict[str, Any]
    level: str = ""
    permissions: tuple[str, ...] = ()
    pipeline: tuple[str, ...] = ()


class PluginView(msgspec.Struct, frozen=True):
    """One plugin and its tools; ``tools`` maps each name to what is known of it.

    That is description, schema, effect and ``pipeline``, what its calls pass.

    For one in a process of its own: ``state`` is starting, running, waiting (to start again),
    quarantined or stopped, ``level`` and ``layers`` the walls that were seen to stand around ``pid``,
    ``permissions`` what it was granted, in words, and ``digest`` the content that this holds for.
    """

    name: str
    version: str
    source: str
    state: str
    tools: dict[str, dict[str, Any]]
    error: str = ""
    runtime: str = "python"
    digest: str = ""
    level: str = ""
    layers: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    pid: int = 0
    calls: int = 0
    agents: tuple[str, ...] = ()


class PluginProposal(msgspec.Struct, frozen=True):
    """What a plugin asks for, in words, before an operator says yes.

    ``wider`` is what it asks for beyond what it was granted before, as ``before`` (its version then);
    ``granted`` tells that this very content was approved already, and ``level`` how it is walled in.
    ``refused`` is what it asks for beyond ``[sandbox.allow]``: it would run without.
    """

    name: str
    version: str
    digest: str
    runtime: str
    description: str
    asks: tuple[str, ...]
    wider: tuple[str, ...]
    granted: bool
    level: str
    before: str = ""
    refused: tuple[str, ...] = ()


class ApprovalView(msgspec.Struct, frozen=True):
    """A call that waits, or waited, for somebody's word. Times are seconds since the epoch.

    ``state`` is requested, granted, denied, expired or used; ``who`` may answer until ``expires``,
    ``by`` did. ``args`` are shown without their secrets.
    """

    id: str
    state: str
    action: str
    resource: str
    principals: tuple[str, ...]
    rule: str
    who: tuple[str, ...]
    requested: float
    expires: float
    args: Any = None
    run: str = ""
    task: str = ""
    agent: str = ""
    by: str = ""
    reason: str = ""
    decided: float | None = None


class BusView(msgspec.Struct, frozen=True):
    """The mirror. ``state`` is off, live or degraded; counts are events since the start.

    Of those selected each is published, dropped or pending; ``refilled`` were read back from the
    journal, for the first time or again. ``url`` is where observers connect, without secrets.
    ``telemetry`` counts messages of programs outside: those taken in, and by reason those that were not.
    ``deaf`` is why the kernel hears neither them nor requests for events, and empty while it does.
    """

    state: str
    server: str
    published: int = 0
    pending: int = 0
    dropped: int = 0
    reason: str = ""
    url: str = ""
    refilled: int = 0
    telemetry: dict[str, int] = {}
    deaf: str = ""


class JournalView(msgspec.Struct, frozen=True):
    """What the journal keeps: the events ``first`` to ``last``, in a ``file`` or in ``memory``.

    ``bytes`` is the file's size without its log, ``free_bytes`` what of it is empty. The bounds are 0
    where there is none; ``held_by`` names what kept the last trim from them, ``readers`` maps each
    registered reader to the last ``seq`` that it has, ``trouble`` says why the last trim was given up.
    """

    kind: str
    first: int
    last: int
    bytes: int = 0
    free_bytes: int = 0
    max_age: float = 0.0
    max_events: int = 0
    max_bytes: int = 0
    held_by: tuple[str, ...] = ()
    readers: dict[str, int] = {}
    trouble: str = ""


class StatusView(msgspec.Struct, frozen=True):
    """The kernel at a glance.

    ``journal`` is what keeps the kernel from writing, and empty when it is well; ``kept`` is what the
    journal holds. ``listen`` is where the API is over TCP, ``url`` the same for a browser.
    """

    name: str
    version: str
    pid: int
    state: str
    uptime: float
    agents: int
    tasks: dict[str, int]
    runs: int
    policy: str
    paused: bool
    events: int
    bus: BusView
    dead_letters: int
    journal: str
    actors: list[dict[str, Any]]
    listen: str = ""
    kept: JournalView | None = None
    url: str = ""
