"""Agents: who is there, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from retinue.bus.errors import InvalidInput
from retinue.bus.views import AgentView
from retinue.plugins import AgentSpec
from retinue.plugins.manifest.model import Permissions
from retinue.plugins.references import find

from .router import Answer, Body, Call, Query, Route

__all__ = ["ROUTES", "Because"]


_Isolation = Literal["shared", "thread", "process"]


class Spawn(Body, frozen=True):
    """An agent to start; what is left out is as its code says."""

    name: Annotated[str, Meta(description="what it is called here")]
    agent: Annotated[str, Meta(description="module:name, or /path/to/file.py:name")]
    isolation: Annotated[_Isolation | None, Meta(description="where it runs")] = None
    tools: Annotated[list[str] | None, Meta(description="the only ones that it may call")] = None
    model: Annotated[str | None, Meta(description="as the configuration names it")] = None
    permissions: Annotated[
        Permissions | None,
        Meta(description="all that it may do beyond computing, in a process of its own"),
    ] = None


class Because(Query, frozen=True):
    """Why, in words."""

    reason: str = "asked for by an operator"


class Stopped(msgspec.Struct, frozen=True):
    """That the agent takes no more work."""

    name: str
    stopped: bool


def list_agents(call: Call) -> list[AgentView]:
    """All agents, by name."""
    return call.kernel.agents()


def show_agent(call: Call) -> AgentView:
    """One agent."""
    return call.kernel.agent(call.params["name"])


def spawn(call: Call) -> Answer:
    """Start an agent: the daemon imports what the reference names, as its own user."""
    asked: Spawn = call.body
    view = call.kernel.spawn(
        asked.name,
        _found(asked.agent),
        isolation=asked.isolation,
        tools=asked.tools,
        model=asked.model,
        permissions=None if asked.permissions is None else _named(asked.permissions),
    )
    return Answer(201, view)


def stop_agent(call: Call) -> Stopped:
    """Stop an agent; its waiting tasks fail with the reason."""
    call.kernel.stop_agent(call.params["name"], call.query.reason)
    return Stopped(call.params["name"], stopped=True)


def _named(permissions: Permissions) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(permissions).items() if value}


def _found(reference: str) -> AgentSpec | Callable[..., Any]:
    """What is named, imported; whatever its file does meanwhile is that file's fault."""
    found = _imported(reference)
    if not isinstance(found, AgentSpec) and not callable(found):
        raise InvalidInput(
            f"'{reference}' is {type(found).__name__} and no agent: name a function, a class, "
            "or what @agent made of one"
        )
    agent: AgentSpec | Callable[..., Any] = found
    return agent


def _imported(reference: str) -> Any:
    try:
        return find(reference)
    except InvalidInput:
        raise
    except SyntaxError as error:
        raise InvalidInput(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except BaseException as error:
        raise InvalidInput(
            f"'{reference}' cannot be imported: {type(error).__name__}: {error}"
        ) from error


ROUTES = (
    Route("GET", "/v1/agents", list_agents, role="viewer"),
    Route("POST", "/v1/agents", spawn, body=Spawn, role="admin", answers={201: AgentView}),
    Route("GET", "/v1/agents/{name}", show_agent, role="viewer"),
    Route("DELETE", "/v1/agents/{name}", stop_agent, Because, role="admin"),
)
