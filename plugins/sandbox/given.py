"""What this host gives, layer by layer, with the reason and the remedy where it does not."""

from __future__ import annotations

import msgspec

__all__ = ["Given", "Layer"]


class Layer(msgspec.Struct, frozen=True):
    """One layer as it was found by trying: ``detail`` is what was found, ``remedy`` what helps."""

    there: bool
    detail: str = ""
    remedy: str = ""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """All layers. ``root`` says whether the kernel runs as root, whose plugins get a uid of their own."""

    machine: str
    root: bool
    landlock: Layer
    seccomp: Layer
    namespaces: Layer
    bwrap: Layer
    cgroup: Layer
    bwrap_path: str = ""
    cgroup_path: str = ""
    """Where cgroups of plugins are made; empty where they are not."""
    cgroup_controllers: tuple[str, ...] = ()
    """Those whose bounds they can have: of ``memory``, ``pids`` and ``cpu``."""
    landlock_version: int = 0
