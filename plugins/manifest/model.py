"""What a plugin asks for, and what it was granted: plain typed data, no globs over joined names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "Grant",
    "Level",
    "Limits",
    "Manifest",
    "NetRule",
    "Permissions",
    "Runtime",
    "ToolSpec",
]

Runtime = Literal["python", "exec", "mcp", "wasm"]
Level = Literal["strict", "standard", "baseline", "limits"]
"""How much a plugin's process is walled in, the strongest first."""

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Port = Annotated[int, Meta(ge=1, le=65535)]

_MIB = 1 << 20


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, given by keyword; an unknown key is an error, never ignored."""


class NetRule(_Strict, frozen=True):
    """Hosts that may be fetched from, through the kernel: ``*.x`` does not include ``x``."""

    host: str
    ports: tuple[Port, ...] = (443,)
    methods: tuple[str, ...] = ("GET",)


class Permissions(_Strict, frozen=True):
    """Everything beyond computing. Nothing is allowed that is not named here.

    ``read`` and ``write`` are absolute folders or files, ``write`` includes reading. ``env`` and
    ``secrets`` are names. ``kernel`` are actions such as ``submit``, ``tools`` the names of other
    plugins' tools. ``processes`` allows fork and exec inside the plugin's walls.
    """

    net: tuple[NetRule, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    processes: bool = False


class Limits(_Strict, frozen=True):
    """Bounds of one plugin's process: bytes, counts and seconds.

    ``memory_bytes`` bounds the address space. ``resident_bytes`` and ``processors`` are for all its
    processes together, where the host has cgroups with those controllers.
    ``output_bytes`` is for all that one call may send back.
    """

    memory_bytes: Annotated[int, Meta(ge=64 * _MIB)] = 512 * _MIB
    resident_bytes: Annotated[int, Meta(ge=16 * _MIB)] = 256 * _MIB
    descriptors: Annotated[int, Meta(ge=16, le=65536)] = 64
    file_bytes: Count = 16 * _MIB
    tmp_bytes: Count = 16 * _MIB
    pids: Count = 32
    start_seconds: Seconds = 5.0
    call_seconds: Seconds = 30.0
    in_flight: Annotated[int, Meta(ge=1, le=1024)] = 32
    output_bytes: Count = 16 * _MIB
    log_bytes: Count = 64 * 1024
    """Of stdout and stderr a minute; more is dropped and counted."""
    processors: Annotated[float, Meta(ge=0.0, le=1024.0)] = 0.0
    """How many of the machine's all its processes may keep busy; 0 for any number."""


class ToolSpec(_Strict, frozen=True):
    """A tool that the manifest names, for runtimes whose code cannot say it."""

    name: str
    description: str = ""
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object"})
    effect: Literal["none", "idempotent", "once"] = "once"
    timeout: Seconds | None = None


class Manifest(_Strict, frozen=True):
    """A plugin's manifest, ``plugin.toml``.

    ``entry`` is for ``python`` a ``module:attribute`` (a ``Plugin``, a factory that takes settings,
    a tool) or a module of tools, for ``wasm`` a file. ``command`` is the argument list of ``exec``
    and ``mcp``, never a shell's line; ``{plugin}`` in it is the plugin's own folder. ``settings``
    are the plugin's defaults; the operator's are laid over them.
    """

    name: str
    version: str
    runtime: Runtime = "python"
    entry: str = ""
    command: tuple[str, ...] = ()
    description: str = ""
    tools: tuple[ToolSpec, ...] = ()
    permissions: Permissions = Permissions()
    limits: Limits = Limits()
    settings: dict[str, Any] = {}


class Grant(_Strict, frozen=True):
    """What an operator allowed, for exactly this name, version and content.

    ``digest`` is the SHA-256 of the plugin's whole folder, in hex; ``time`` in seconds since
    the epoch. Whatever changes has to be granted again.
    """

    name: str
    version: str
    digest: str
    permissions: Permissions
    limits: Limits = Limits()
    approved_by: str = ""
    time: float = 0.0
    offered: str = ""
    """For ``mcp``: the SHA-256 of the tools as the server first described them, in hex."""
