"""``Client``: what a daemon can be asked over its API, from any thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from retinue.bus.errors import InvalidInput
from retinue.bus.views import (
    AcceptedView,
    AgentView,
    ApprovalView,
    PluginView,
    RunView,
    StatusView,
    TaskView,
)
from retinue.bus.wire import ObservedEvent, parse

from .calls import CallEvent, told
from .places import OverSocket, OverTcp
from .transport import Lines, Query, Transport, decoded, problem

__all__ = ["Client", "event_of", "under"]

T = TypeVar("T")
_PROBLEM = b'{"problem":'


class Client:
    """Talks to a daemon over its Unix ``socket``, or at a ``url`` with a ``token``.

    Every method raises the error that the daemon's problem names (``UnknownAgent``, ``InvalidInput``,
    ``Denied``, …), ``Unavailable`` when no daemon answers, and ``DeadlineExceeded`` when the answer
    takes longer than ``timeout`` seconds. One connection a request; may be shared between threads.
    """

    def __init__(
        self,
        socket: str | Path | None = None,
        timeout: float = 30.0,
        *,
        url: str | None = None,
        token: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        """Nothing is opened before the first request.

        ``ca_file`` is whom to trust over https besides the system's authorities. Raises
        ``InvalidInput`` unless there is one of ``socket`` and ``url``.
        """
        if (socket is None) == (url is None):
            raise InvalidInput("give a socket's path, or a url and a token")
        self._place: OverSocket | OverTcp
        if url is not None:
            self._place = OverTcp(url, token, ca_file)
        else:
            self._place = OverSocket(Path(socket or ""))
        self._transport = Transport(self._place, timeout)

    def __repr__(self) -> str:
        return f"<Client of {self._place!r}>"

    @property
    def place(self) -> str:
        """Where it asks, for people."""
        return repr(self._place)

    # ------------------------------------------------------------------ any route

    def get(self, path: str, kind: type[T], query: Query | None = None, wait: float = 0.0) -> T:
        """Read ``path`` as ``kind``."""
        return decoded(self._transport.asked("GET", path, None, query, wait), kind)

    def post(
        self,
        path: str,
        kind: type[T],
        body: object = None,
        query: Query | None = None,
        wait: float = 0.0,
        key: str = "",
    ) -> T:
        """Send ``body`` as JSON; ``wait`` seconds are granted on top, ``key`` makes it idempotent."""
        data = msgspec.json.encode({} if body is None else body)
        headers = {"Idempotency-Key": key} if key else None
        return decoded(self._transport.asked("POST", path, data, query, wait, headers), kind)

    def delete(self, path: str, kind: type[T], query: Query | None = None, wait: float = 0.0) -> T:
        """Ask for the end of what is at ``path``; ``wait`` seconds are granted on top."""
        return decoded(self._transport.asked("DELETE", path, None, query, wait), kind)

    def lines(self, path: str, query: Query | None = None) -> Lines:
        """The lines of a stream as they come, until the daemon ends it. Empty lines are left out."""
        return self._transport.lines(path, query)

    def events(self, query: Query | None = None) -> Iterator[ObservedEvent]:
        """The events of ``GET /v1/events``; raises what breaks the stream off."""
        lines = self.lines("/v1/events", query)
        try:
            yield from map(event_of, lines)
        finally:
            lines.close()

    # ------------------------------------------------------------------ tasks and runs

    def submit(
        self,
        agent: str,
        input: Mapping[str, Any] | None = None,
        *,
        priority: int = 5,
        deadline: float | None = None,
        key: str | None = None,
        wait: float = 0.0,
    ) -> AcceptedView:
        """Have an agent do something; the ended task when it ends within ``wait`` seconds."""
        body = {
            "agent": agent,
            "input": dict(input or {}),
            "priority": priority,
            "deadline": deadline,
            "key": key,
        }
        return self.post("/v1/tasks", AcceptedView, body, _waiting(wait), wait)

    def task(self, task: str) -> TaskView:
        """One task."""
        return self.get(under("tasks", task), TaskView)

    def tasks(
        self,
        *,
        state: str | None = None,
        agent: str | None = None,
        run: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[TaskView]:
        """Tasks that match all that is given, newest first; ``before``: older than that one."""
        query: Query = {
            "state": state, "agent": agent, "run": run, "before": before, "limit": limit
        }  # fmt: skip
        return self.get("/v1/tasks", list[TaskView], query)

    def wait(self, task: str, timeout: float = 60.0) -> AcceptedView:
        """The task, once it ended or ``timeout`` seconds have passed."""
        return self.get(under("tasks", task, "wait"), AcceptedView, _waiting(timeout), timeout)

    def cancel(self, task: str, reason: str = "cancelled by a client") -> bool:
        """Cancel a task or a run and all under it; ``False`` when it had ended."""
        path = under("tasks", task, "cancel")
        return bool(self.post(path, dict[str, Any], {"reason": reason})["cancelled"])

    def retry(self, task: str, wait: float = 0.0) -> AcceptedView:
        """Do an ended task once more, as a new one."""
        return self.post(under("tasks", task, "retry"), AcceptedView, None, _waiting(wait), wait)

    def run(self, run: str) -> RunView:
        """One run."""
        return self.get(under("runs", run), RunView)

    def runs(
        self,
        *,
        state: str | None = None,
        agent: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunView]:
        """Runs that match all that is given, newest first; ``before``: older than that one."""
        query: Query = {"state": state, "agent": agent, "before": before, "limit": limit}
        return self.get("/v1/runs", list[RunView], query)

    # ------------------------------------------------------------------ agents, tools, approvals

    def status(self) -> StatusView:
        """The kernel at a glance."""
        return self.get("/v1/status", StatusView)

    def agents(self) -> list[AgentView]:
        """All agents."""
        return self.get("/v1/agents", list[AgentView])

    def agent(self, name: str) -> AgentView:
        """One agent."""
        return self.get(under("agents", name), AgentView)

    def spawn(
        self,
        name: str,
        agent: str,
        isolation: str | None = None,
        tools: Sequence[str] | None = None,
        model: str | None = None,
        permissions: Mapping[str, Any] | None = None,
    ) -> AgentView:
        """Start an agent: ``module:name`` or ``/file.py:name``, which the daemon imports.

        What is given replaces what its code says, as with ``Kernel.spawn``.
        """
        body = {
            "name": name,
            "agent": agent,
            "isolation": isolation,
            "tools": tools,
            "model": model,
            "permissions": permissions,
        }
        return self.post("/v1/agents", AgentView, body)

    def stop_agent(self, name: str, reason: str = "stopped by a client") -> None:
        """Stop an agent; its open tasks fail with the reason."""
        self.delete(under("agents", name), dict[str, Any], {"reason": reason})

    def plugins(self) -> list[PluginView]:
        """All plugins."""
        return self.get("/v1/plugins", list[PluginView])

    def invoke(
        self, tool: str, args: Mapping[str, Any] | None = None, timeout: float = 30.0
    ) -> Any:
        """Call a tool outside any task."""
        body = {"args": dict(args or {}), "timeout": timeout}
        path = under("tools", tool, "invoke")
        return self.post(path, dict[str, Any], body, wait=timeout)["result"]

    def invoke_stream(
        self,
        tool: str,
        args: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
        *,
        cancel_on_disconnect: bool = False,
    ) -> Iterator[CallEvent]:
        """Call a tool, and follow it: a ``CallBegun``, then what it says, at last a ``CallResult``.

        Raises what the call does, and ``Unavailable`` when the connection ends before it: the call
        then goes on, unless it was to be cancelled. Its events are those with its id as ``cause``.
        """
        lines = self.invoked(tool, args, timeout, cancel_on_disconnect=cancel_on_disconnect)
        try:
            yield from told(lines)
        finally:
            lines.close()

    def invoked(
        self,
        tool: str,
        args: Mapping[str, Any] | None,
        timeout: float,
        *,
        cancel_on_disconnect: bool,
    ) -> Lines:
        """The same as the lines of server-sent events."""
        body = msgspec.json.encode({"args": dict(args or {}), "timeout": timeout})
        query: Query = {"cancel_on_disconnect": cancel_on_disconnect}
        headers = {"Accept": "text/event-stream"}
        return self._transport.lines(under("tools", tool, "invoke"), query, "POST", body, headers)

    def approvals(self, state: str | None = "open", limit: int = 100) -> list[ApprovalView]:
        """Calls that wait for somebody's word, newest first; ``None`` for those that did, too."""
        return self.get("/v1/approvals", list[ApprovalView], {"state": state, "limit": limit})

    def approve(self, approval: str, reason: str = "") -> ApprovalView:
        """Let the call go on, once."""
        return self.post(under("approvals", approval, "grant"), ApprovalView, {"reason": reason})

    def deny(self, approval: str, reason: str = "") -> ApprovalView:
        """Refuse the call."""
        return self.post(under("approvals", approval, "deny"), ApprovalView, {"reason": reason})


def event_of(line: bytes) -> ObservedEvent:
    """One line of events; raises the problem that it may be instead."""
    if line.startswith(_PROBLEM):
        raise problem(500, line[len(_PROBLEM) : -1])
    return parse(line)


def under(*parts: str) -> str:
    """A path of ids as users typed them: ``under("tasks", task, "cancel")``."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _waiting(wait: float) -> Query | None:
    return {"wait": wait} if wait else None
