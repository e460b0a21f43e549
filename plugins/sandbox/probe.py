"""What this host really gives, found by trying it in children that end at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import landlock
from .cgroup_probe import cgroup_here
from .given import Given, Layer
from .levels import LAUNCHER
from .syscalls import AUDIT_ARCH

__all__ = ["probe"]

_SECONDS = 10.0
_BWRAP = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")
"""Looked for here and never on PATH, where anybody may have put one."""
_USERNS = "allow them: sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=1000"


def probe(bwrap: str = "") -> Given:
    """Try every layer; takes some tenths of a second. ``bwrap`` names one in an unusual place."""
    path = _bwrap_path(bwrap)
    cgroup, folder, controllers = cgroup_here()
    return Given(
        machine=os.uname().machine,
        root=os.geteuid() == 0,
        landlock=_landlock(landlock.version()),
        seccomp=_seccomp(),
        namespaces=_namespaces(),
        bwrap=_bubblewrap(path, bwrap),
        cgroup=cgroup,
        bwrap_path=path,
        cgroup_path=folder,
        cgroup_controllers=controllers,
        landlock_version=landlock.version(),
    )


def _landlock(version: int) -> Layer:
    if version >= landlock.MINIMUM:
        return Layer(there=True, detail=f"version {version}")
    found = (
        f"version {version}, and TCP needs {landlock.MINIMUM}" if version else "not in this Linux"
    )
    return Layer(
        there=False, detail=found, remedy="boot Linux 6.7 or newer with landlock in the lsm= list"
    )


def _seccomp() -> Layer:
    machine = os.uname().machine
    if machine not in AUDIT_ARCH:
        return Layer(
            there=False,
            detail=f"no table of system calls for {machine}",
            remedy=f"run on one of {', '.join(AUDIT_ARCH)}",
        )
    return _tried(
        "from walls import seccomp; import os;"
        "p = seccomp.Profile(os.uname().machine, os.getpid());"
        "seccomp.install(seccomp.program(p)); seccomp.seal(p.machine)",
        "filters with notifications",
        "allow seccomp in the container's profile, with notifications (Linux 5.5 or newer)",
    )


def _namespaces() -> Layer:
    kinds = ["mnt", "net", "ipc", "uts"]
    if os.geteuid() != 0:
        kinds.insert(0, "user")
    return _tried(
        f"from walls import namespaces as n; n.unshare({kinds!r}); n.enter(n.View([], 1 << 20))",
        ", ".join(kinds),
        _USERNS if os.geteuid() else "run with CAP_SYS_ADMIN, or as another user than root",
    )


def _bubblewrap(path: str, wanted: str) -> Layer:
    remedy = "apt install bubblewrap, or name it: [sandbox] bwrap"
    if not path:
        return Layer(
            there=False, detail=f"{wanted or 'bwrap'} not found, or not root's alone", remedy=remedy
        )
    walls = ["--unshare-pid", "--unshare-net", "--die-with-parent"]
    if os.geteuid() != 0:
        walls += ["--unshare-user", "--disable-userns"]
    words = [path, *walls, "--ro-bind", "/", "/", "/bin/true"]
    return _ran(words, path, _USERNS)


def _bwrap_path(wanted: str) -> str:
    """The first that is root's, and that nobody else may change."""
    for candidate in (wanted,) if wanted else _BWRAP:
        try:
            found = Path(candidate).stat()
        except OSError:
            continue
        others = stat.S_IWGRP | stat.S_IWOTH
        if stat.S_ISREG(found.st_mode) and found.st_uid == 0 and not found.st_mode & others:
            return candidate
    return ""


def _tried(code: str, detail: str, remedy: str) -> Layer:
    """Run a line of code in a fresh interpreter, with the launcher's own modules."""
    start = (
        "import sys, types; w = types.ModuleType('walls'); "
        f"w.__path__ = [{str(LAUNCHER.parent)!r}]; sys.modules['walls'] = w; "
    )
    python = str(Path(sys.executable).resolve())
    return _ran([python, "-I", "-S", "-B", "-c", start + code], detail, remedy)


def _ran(words: Sequence[str], detail: str, remedy: str) -> Layer:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_SECONDS, env={}, cwd="/", check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Layer(there=False, detail=str(error), remedy=remedy)
    if done.returncode == 0:
        return Layer(there=True, detail=detail)
    said = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return Layer(there=False, detail=said[0], remedy=remedy)
