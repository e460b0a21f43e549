"""From an agent of the operator's own code to the plan of its process. Pure but for paths."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

import msgspec

from retinue.bus.errors import InvalidInput, PluginError

from ..agents import AgentSpec
from ..manifest.grants import checked
from ..manifest.model import Level, Limits, Permissions
from ..sandbox.given import Given
from ..sandbox.levels import Plan, plan
from .own_code import private, this_program
from .starting import at_least, held_otherwise, within_the_view

__all__ = ["CHILD", "agent_level", "agent_plan", "permissions_of"]

CHILD = "retinue.plugins.host.child"
START_SECONDS = 15.0
_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""Of the kernel's environment: how to write numbers and times, and nothing that is anybody's."""
_MIB = 1 << 20


def permissions_of(spec: AgentSpec) -> Permissions:
    """What an agent may do beyond computing. Raises ``InvalidInput`` that names the entry."""
    try:
        asked = msgspec.convert(spec.permissions or {}, Permissions)
        return within_the_view(checked(_an_agents(asked), spec.name))
    except (msgspec.ValidationError, PluginError, InvalidInput) as error:
        raise InvalidInput(
            f"agent {spec.name!r}: permissions: {error.__cause__ or error}"
        ) from error


def agent_level(
    name: str,
    permissions: Permissions,
    wanted: Level,
    minimum: Level,
    lowered: Level | None,
    given: Given,
) -> Level:
    """The level at which an agent runs: ``lowered`` where the operator said so, else as a plugin. Pure.

    One that starts processes needs ``strict``, or a cgroup where the host does not give that. Raises
    ``InvalidInput`` for less than the minimum that nobody lowered.
    """
    level = wanted if lowered is None else lowered
    if permissions.processes and level != "limits" and not held_otherwise(level, given):
        level = "strict"
    if lowered is None and not at_least(level, minimum):
        raise InvalidInput(
            f"agent {name!r} would run at level {level!r}, below the minimum {minimum!r}: raise "
            "[sandbox] level, or set [sandbox] agents, if its code is trusted"
        )
    return level


def agent_plan(
    spec: AgentSpec,
    asked: Permissions,
    level: Level,
    given: Given,
    environ: Mapping[str, str],
    memory: int,
) -> Plan:
    """How the process of an agent starts: an interpreter that imports what this program can.

    ``memory`` bounds its address space, in bytes; 0 does not. Raises ``InvalidInput`` that names each layer
    which the host does not give, and the remedy.
    """
    reference = spec.reference or ""
    place = reference.rpartition(":")[0]
    code = this_program(place if place.endswith(".py") else "")
    try:
        return plan(
            level,
            given,
            readable=code.readable,
            packages=code.packages,
            python_path=code.path,
            listed=code.listed,
            main=CHILD,
            permissions=_lent(asked, code.readable) if given.root else asked,
            limits=_limits(memory),
            environment={n: environ[n] for n in (*_KEPT, *asked.env) if n in environ},
        )
    except PluginError as error:
        raise InvalidInput(
            f"agent {spec.name!r} cannot run in a process of its own: {error}. For code that is "
            'trusted [sandbox] agents = "limits" does without walls'
        ) from error


def _an_agents(asked: Permissions) -> Permissions:
    if asked.kernel or asked.tools:
        raise InvalidInput(
            "kernel and tools are for plugins; an agent submits tasks as any, and names its tools"
        )
    return asked


def _lent(asked: Permissions, code: Iterable[str]) -> Permissions:
    """Its own code is its to read, also where that is its owner's alone, and it has another uid."""
    return msgspec.structs.replace(asked, read=(*asked.read, *private(code)))


def _limits(memory: int) -> Limits:
    """An agent is a program of the operator's own: its bounds are there for accidents."""
    return Limits(
        memory_bytes=memory or sys.maxsize,
        resident_bytes=memory or sys.maxsize,
        descriptors=1024,
        file_bytes=1024 * _MIB,
        tmp_bytes=256 * _MIB,
        pids=256,
        start_seconds=START_SECONDS,
    )
