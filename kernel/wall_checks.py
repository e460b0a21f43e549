"""Checks of the walls around plugins: each one tried, on this host, now."""

from __future__ import annotations

from collections.abc import Iterator

from retinue.plugins.sandbox.given import Given, Layer
from retinue.plugins.sandbox.levels import LAYERS, best, missing
from retinue.plugins.sandbox.probe import probe

from .config import SandboxConfig
from .findings import Finding, State

__all__ = ["told", "walls"]

_WHAT = {
    "seccomp": "a filter of system calls",
    "landlock": "files by grants alone",
    "namespaces": "a network and a view of its own",
    "bwrap": "processes of its own",
}


def walls(config: SandboxConfig, *, wanted: bool) -> Iterator[Finding]:
    """Try every wall; ``wanted`` as for ``told``. Takes some tenths of a second."""
    yield from told(probe(config.bwrap), config, wanted=wanted)


def told(given: Given, config: SandboxConfig, *, wanted: bool) -> Iterator[Finding]:
    """A finding for each layer, then the level that results. Pure.

    ``wanted`` says that the operator asked for a level: then what it lacks has to be mended.
    """
    needed = {*LAYERS[config.level], *LAYERS[config.minimum]}
    for name, what in _WHAT.items():
        yield _of(name, what, getattr(given, name), needed=wanted and name in needed)
    yield _cgroup(given.cgroup)
    yield from _levels(given, config, wanted=wanted)


def _of(name: str, what: str, layer: Layer, *, needed: bool) -> Finding:
    if layer.there:
        return Finding(name, "ok", f"{what}: {layer.detail}")
    state: State = "fail" if needed else "note"
    return Finding(name, state, f"no {what}: {layer.detail}", layer.remedy)


def _cgroup(layer: Layer) -> Finding:
    """No level needs it; what it gives and what it does not is said, so that nobody counts on more."""
    if not layer.there:
        own = "bounds are each process's own, none is put on a tree of them"
        return Finding("cgroup", "note", f"{own} ({layer.detail})", layer.remedy)
    state: State = "note" if layer.remedy else "ok"
    return Finding("cgroup", state, layer.detail, layer.remedy)


def _levels(given: Given, config: SandboxConfig, *, wanted: bool) -> Iterator[Finding]:
    strongest = best(given)
    who = "each plugin gets a uid of its own" if given.root else "plugins have the kernel's uid"
    said = f"this host gives {strongest!r}, the configuration asks for {config.level!r}; {who}"
    if lacking := missing(config.level, given):
        names = ", ".join(name for name, _ in lacking)
        remedy = f"mend {names} above; a lower [sandbox] level means fewer walls"
        state: State = "fail" if wanted else "note"
        yield Finding("plugins", state, f"{said}: none can start", remedy)
    elif config.level in ("limits", "baseline"):
        remedy = f"set [sandbox] level = {strongest!r}"
        yield Finding("plugins", "note", f"{said}: degraded", remedy)
    else:
        yield Finding("plugins", "ok", said)
    for name in sorted(config.trusted):
        remedy = "take it out of [sandbox] trusted, unless that is meant"
        yield Finding("plugins", "note", f"{name} may run below the minimum: trusted", remedy)
