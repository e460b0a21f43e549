"""One call of a client's, as a task of the daemon's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from retinue.bus.errors import RetinueError
from retinue.bus.messages import TERMINAL_TASK
from retinue.bus.views import AcceptedView, TaskView

from ..client import Client, Query, under
from .catalogue import Target

__all__ = ["RemoteCall"]

_WAIT = 25.0
"""Seconds of one look at a task that takes long."""
_PROGRESS = ["agent.progress", "tool.progress", *sorted(TERMINAL_TASK)]


class RemoteCall:
    """``run`` on one thread, ``cancel`` from another."""

    def __init__(
        self, client: Client, caller: str, target: Target, args: Mapping[str, Any]
    ) -> None:
        """``caller`` is the agent that calls tools."""
        self._client = client
        self._agent = target.name if target.kind == "agent" else caller
        as_tool = {"tool": target.name, "args": dict(args)}
        self._input = dict(args) if target.kind == "agent" else as_tool
        self._lock = threading.Lock()
        self._task = ""
        self._reason = ""

    def is_cancelled(self) -> bool:
        """Whether nobody waits for what comes of it."""
        return bool(self._reason)

    def run(self, progress: Callable[[float, float, str], None] | None) -> tuple[Any, bool]:
        """What came of it, and whether it failed; then in words. Raises ``RetinueError``."""
        if self.is_cancelled():
            return self._reason, True
        body = {"agent": self._agent, "input": self._input}
        view = self._client.post("/v1/tasks", AcceptedView, body)
        with self._lock:
            self._task = view.id
        if self.is_cancelled():
            self._cancel(self._reason)
        if progress is not None:
            self._follow(view, progress)
        return _outcome(self._ended(view.id))

    def cancel(self, reason: str) -> None:
        """Have the task end, now or as soon as it is known."""
        with self._lock:
            self._reason = reason
            known = self._task
        if known:
            self._cancel(reason)

    def _cancel(self, reason: str) -> None:
        try:
            path = under("tasks", self._task, "cancel")
            self._client.post(path, dict[str, Any], {"reason": reason})
        except RetinueError:
            return  # it has ended, or the daemon has: whoever waits for the task is told

    def _follow(self, view: AcceptedView, progress: Callable[[float, float, str], None]) -> None:
        """Pass progress on, each time it is more than before, until the task has ended."""
        furthest = -1.0
        query: Query = {"from": view.cursor + 1, "run": view.run, "type": _PROGRESS}
        for event in self._client.events(query):
            if event.type in TERMINAL_TASK:
                if event.task == view.id:
                    return
                continue
            told = event.data
            if told["done"] > furthest:
                furthest = told["done"]
                progress(furthest, told.get("total", 0.0), told.get("note", ""))

    def _ended(self, task: str) -> TaskView:
        while True:
            path, query = under("tasks", task, "wait"), {"wait": _WAIT}
            view = self._client.get(path, TaskView, query)
            if f"task.{view.state}" in TERMINAL_TASK:
                return view


def _outcome(view: TaskView) -> tuple[Any, bool]:
    if view.state == "succeeded":
        return view.result, False
    return view.error or f"the task was {view.state}", True
