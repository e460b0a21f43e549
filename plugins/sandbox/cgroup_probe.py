"""What cgroups this host leaves to the kernel, found by putting a child in one and killing it."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from .cgroups import Cgroups
from .given import Layer
from .hierarchy import (
    CONTROLLERS,
    base_of,
    delegated,
    is_inner,
    lacking,
    own_cgroup,
    strangers,
    words,
)

__all__ = ["cgroup_here"]

_SECONDS = 5.0
_DELEGATE = (
    "have one delegated: Delegate=yes in its unit, or systemd-run --user --scope -p Delegate=yes"
)
_KILLS = "one kill for all processes of a plugin, and proof that none is left"


def cgroup_here(proc: Path = Path("/proc/self")) -> tuple[Layer, str, tuple[str, ...]]:
    """The layer, the folder to make cgroups in, and the controllers that bound what is in them."""
    try:
        cgroup = (proc / "cgroup").read_text(encoding="utf-8")
        own = own_cgroup((proc / "mountinfo").read_text(encoding="utf-8"), cgroup)
        if not own:
            return _missing("no cgroup v2 hierarchy shows this process")
        base = base_of(Path(own))
        if not delegated(Path(own), cgroup):
            return _missing(f"{base} is not delegated to this process")
        controllers = _tried(base)
        return _there(base, controllers), str(base), controllers
    except OSError as error:
        return _missing(str(error))


def _tried(base: Path) -> tuple[str, ...]:
    """The controllers of a cgroup whose only process was just killed through it; raises ``OSError``."""
    groups = Cgroups(base)
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={})
    try:
        group = groups.make("probe", {})
        group.add([child.pid])
        if not (group.folder / "cgroup.kill").exists():
            raise OSError("cgroup.kill is not in this Linux: boot 5.14 or newer")
        controllers = words(group.folder / "cgroup.controllers")
        group.kill()
        if not group.wait_empty(_SECONDS):
            raise OSError(f"{group.folder}: a kill left something")
    finally:
        child.kill()
        child.communicate()
        groups.close()
    return tuple(name for name in CONTROLLERS if name in controllers)


def _there(base: Path, controllers: tuple[str, ...]) -> Layer:
    without = [name for name in ("memory", "pids") if name not in controllers]
    if not without:
        return Layer(there=True, detail=f"{_KILLS}; bounds on {', '.join(controllers)} ({base})")
    cause, remedy = _why_without(base, without)
    return Layer(
        there=True, detail=f"{_KILLS}; no bounds on {', '.join(without)}: {cause}", remedy=remedy
    )


def _why_without(base: Path, without: list[str]) -> tuple[str, str]:
    held = lacking(base)
    if absent := [name for name in without if name not in held]:
        return (
            f"{base} has no {', '.join(absent)} controller",
            "have the cgroup above it hand them down, or boot without version 1 of cgroups",
        )
    with suppress(OSError):
        if not is_inner(base):
            return f"{base} is the machine's own, and hands none down", _DELEGATE
        if others := strangers(base):
            return f"{base} has processes of others, {', '.join(others)}", _DELEGATE
    return f"{base} is divided by a daemon only", "the daemon does it, with `retinue run`"


def _missing(detail: str) -> tuple[Layer, str, tuple[str, ...]]:
    return Layer(there=False, detail=detail, remedy=_DELEGATE), "", ()
