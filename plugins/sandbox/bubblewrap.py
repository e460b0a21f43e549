"""The command line of bubblewrap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ..manifest.model import Permissions
from .given import Given

__all__ = ["PROGRAMS", "bubblewrapped"]

PROGRAMS = ("/usr/bin", "/bin")
"""What a plugin may start that may start processes."""


def bubblewrapped(given: Given, read: Sequence[str], permissions: Permissions) -> tuple[str, ...]:
    """The words before a command; it sees ``read`` and what was granted.

    What it leaves to the launcher, that one gives up.

    The first process of its pid namespace is bubblewrap's own, with the uid of the one outside:
    that may kill it when the kernel ends, as it might not kill a plugin with a uid of its own. It
    takes CAP_SYS_ADMIN to bound the files in ``/tmp``: bubblewrap bounds their bytes alone.
    """
    walls = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    if given.root:
        keeps = ["CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]
        if permissions.read or permissions.write:  # to lend them, whosever they are
            keeps += ["CAP_SETFCAP", "CAP_DAC_READ_SEARCH"]
    else:
        keeps = ["CAP_SYS_ADMIN"]  # in a user namespace of its own
        walls += ["--unshare-user", "--disable-userns"]
    walls += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
    walls += [word for capability in keeps for word in ("--cap-add", capability)]
    words = [given.bwrap_path, *walls, "--die-with-parent", "--new-session", "--clearenv"]
    words += ["--proc", "/proc", "--dev", "/dev", "--dir", "/tmp"]  # noqa: S108
    # bubblewrap keeps the folders that it makes itself to root, unless it is told to make them.
    for folder in _parents([*read, *permissions.write]):
        words += ["--perms", "0755", "--dir", folder]
    for path in read:
        words += ["--ro-bind-try", path, path]
    for path in permissions.write:
        words += ["--bind-try", path, path]
    if permissions.processes:
        words += [word for path in PROGRAMS for word in ("--ro-bind-try", path, path)]
    return (*words, "--chdir", "/tmp")  # noqa: S108


def _parents(paths: Sequence[str]) -> list[str]:
    """The folders above these, the outer ones first, that none of them shows."""
    above = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"/"}
    shown = tuple(f"{path}/" for path in paths)
    return sorted(folder for folder in above if not f"{folder}/".startswith(shown))
