"""From an admitted plugin and its grant to the plan of its process. Pure but for paths."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from retinue.bus.errors import PluginError

from ..manifest.admission import Admitted
from ..manifest.model import Grant, Level, Manifest, Permissions
from ..sandbox.given import Given
from ..sandbox.levels import Plan, holds_children, missing, plan
from ..wasm.module import wasmtime
from .commands import command_of
from .interpreter import Interpreter

__all__ = [
    "at_least",
    "command_plan",
    "held_otherwise",
    "level_for",
    "plan_for",
    "python_plan",
    "within_the_view",
]

GUEST = "retinue.plugins.guest.main"
WASM_GUEST = "retinue.plugins.wasm.guest"
WASM_ADDRESS_SPACE = 1 << 30
"""Bytes that the engine lays out and does not use; each instance's memory has a bound of its own."""
_ORDER: tuple[Level, ...] = ("limits", "baseline", "standard", "strict")


def level_for(
    manifest: Manifest,
    wanted: Level,
    minimum: Level,
    *,
    trusted: bool,
    given: Given | None = None,
) -> Level:
    """The level at which a plugin runs: what is wanted, or ``strict`` where it needs that. Pure.

    On a host that does not give that, a cgroup holds processes which a plugin starts. Raises
    ``PluginError`` for less than the minimum, unless the operator marked the plugin trusted.
    """
    level = wanted
    commanded = manifest.runtime in ("exec", "mcp")
    if commanded or manifest.permissions.processes:
        held = not commanded and given is not None and held_otherwise(wanted, given)
        level = wanted if wanted == "limits" or held else "strict"
    if not at_least(level, minimum) and not trusted:
        raise PluginError(
            f"plugin {manifest.name!r} would run at level {level!r}, below the minimum {minimum!r}: "
            f"raise [sandbox] level, or let the operator set trusted = true for this plugin"
        )
    return level


def held_otherwise(level: Level, given: Given) -> bool:
    """Whether a cgroup holds what a process starts, on a host that does not give ``strict``. Pure."""
    return bool(missing("strict", given)) and holds_children(level, given)


def at_least(level: Level, minimum: Level) -> bool:
    """Whether a level is as strong as another. Pure."""
    return _ORDER.index(level) >= _ORDER.index(minimum)


def plan_for(
    admitted: Admitted,
    grant: Grant,
    level: Level,
    given: Given,
    interpreter: Interpreter,
    environ: Mapping[str, str],
) -> Plan:
    """How a plugin starts, whatever its runtime. Raises ``PluginError`` and ``Unavailable``."""
    commanded = admitted.manifest.runtime in ("exec", "mcp")
    make = command_plan if commanded else python_plan
    return make(admitted, grant, level, given, interpreter, environ)


def command_plan(
    admitted: Admitted,
    grant: Grant,
    level: Level,
    given: Given,
    interpreter: Interpreter,
    environ: Mapping[str, str],
) -> Plan:
    """How a plugin of runtime ``exec`` or ``mcp`` starts: its command, on its own stdin and stdout.

    The interpreter is only the launcher's, which is gone by then.
    """
    permissions = within_the_view(grant.permissions)
    granted = (*permissions.read, *permissions.write)
    folder = admitted.folder
    command = command_of(admitted.manifest.command, folder, granted, grant.name)
    return plan(
        level,
        given,
        readable=(*interpreter.readable, folder, *command.readable),
        packages={},
        python_path=(),
        main="",
        execute=command.arguments,
        permissions=permissions,
        limits=grant.limits,
        environment=_granted(grant, environ),
    )


def python_plan(
    admitted: Admitted,
    grant: Grant,
    level: Level,
    given: Given,
    interpreter: Interpreter,
    environ: Mapping[str, str],
) -> Plan:
    """How a plugin of runtime ``python`` or ``wasm`` starts: an interpreter that serves our frames.

    The standard library comes before the plugin's own files. Raises ``Unavailable`` when the extra
    ``wasm`` is asked for and not there.
    """
    manifest = admitted.manifest
    if manifest.runtime == "wasm":
        return _wasm_plan(admitted, grant, level, given, interpreter)
    return plan(
        level,
        given,
        readable=(*interpreter.readable, admitted.folder),
        packages=interpreter.packages,
        python_path=(*interpreter.path, admitted.folder),
        main=GUEST,
        arguments=(manifest.name, manifest.version, manifest.entry),
        permissions=within_the_view(grant.permissions),
        limits=grant.limits,
        environment=_granted(grant, environ),
    )


def _wasm_plan(
    admitted: Admitted, grant: Grant, level: Level, given: Given, interpreter: Interpreter
) -> Plan:
    manifest = admitted.manifest
    engine = str(Path(wasmtime().__file__).resolve().parent)
    specs = msgspec.json.encode(manifest.tools).decode()
    bound = max(grant.limits.memory_bytes, WASM_ADDRESS_SPACE)
    return plan(
        level,
        given,
        readable=(*interpreter.readable, admitted.folder),
        packages={**interpreter.packages, "wasmtime": engine},
        python_path=interpreter.path,
        main=WASM_GUEST,
        arguments=(
            manifest.name,
            manifest.version,
            str(Path(admitted.folder, manifest.entry)),
            specs,
        ),
        permissions=within_the_view(grant.permissions),
        limits=msgspec.structs.replace(grant.limits, memory_bytes=bound),
    )


def _granted(grant: Grant, environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in grant.permissions.env if name in environ}


def within_the_view(permissions: Permissions) -> Permissions:
    """Granted paths as they really are: a link that changes later leads nowhere else."""
    return Permissions(
        net=permissions.net,
        read=tuple(map(_real, permissions.read)),
        write=tuple(map(_real, permissions.write)),
        env=permissions.env,
        secrets=permissions.secrets,
        kernel=permissions.kernel,
        tools=permissions.tools,
        processes=permissions.processes,
    )


def _real(path: str) -> str:
    real = os.path.realpath(path)
    if Path(real) != Path(path):
        raise PluginError(f"{path} is reached through a link: grant {real}, if that is meant")
    return real
