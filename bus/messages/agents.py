"""Agents: their lives, and the steps that they report while they work."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from .base import Command, Event

__all__ = [
    "AgentFailed",
    "AgentFinal",
    "AgentProgress",
    "AgentSpawned",
    "AgentState",
    "AgentStopped",
    "AgentText",
    "AgentThought",
    "StopAgent",
]


class StopAgent(Command, frozen=True):
    """To the Orchestrator: stop the envelope's agent; its waiting tasks fail with the reason."""

    reason: str


class AgentSpawned(Event, frozen=True, tag="agent.spawned"):
    """An agent is there. ``schema`` is the JSON Schema of its input.

    ``reference`` (``module:name``) is where a later start finds its code, and empty when only the
    program that spawned it can spawn it again. ``level`` is that of the walls around its process, if
    it has one. ``permissions`` are those that it was spawned with in place of its code's own, and
    ``None`` where its code's hold.
    """

    isolation: str
    tools: tuple[str, ...] = ()
    model: str = ""
    schema: dict[str, Any] = {}
    reference: str = ""
    level: str = ""
    permissions: dict[str, Any] | None = None


class AgentStopped(Event, frozen=True, tag="agent.stopped"):
    """An agent is gone."""

    reason: str


class AgentFailed(Event, frozen=True, tag="agent.failed"):
    """The actor of an agent, not a task of it, failed; ``action`` is what supervision does."""

    kind: str
    cause: str
    action: str


class AgentThought(Event, frozen=True, tag="agent.thought"):
    """A step that the agent wants seen: a plan, a decision."""

    text: str


class AgentText(Event, frozen=True, tag="agent.text"):
    """A piece of text as it is produced; the pieces in order are the whole."""

    delta: str


class AgentProgress(Event, frozen=True, tag="agent.progress"):
    """How far the agent is, ``done`` of ``total`` (0: unknown)."""

    done: float
    total: float = 0.0
    note: str = ""


class AgentState(Event, frozen=True, tag="agent.state"):
    """The state that the agent keeps between turns, whole, after a turn that changed it."""

    state: Raw


class AgentFinal(Event, frozen=True, tag="agent.final"):
    """The agent's answer in words, when it produced text deltas: their concatenation's length."""

    characters: int
