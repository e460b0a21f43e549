"""Confines its own process, and only then runs a plugin: ``python -I -S -B launcher.py PLAN CHANNEL``.

``PLAN`` and ``CHANNEL`` are inherited descriptors: a JSON object that says which walls to build,
and the socket to the host. Nothing but the standard library is imported before the walls stand.
Each step is told to the host, which looks for itself and says when to go on; a wall that cannot
be built ends the process with one line that says why.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

_GO = b"G"
_MOST_DESCRIPTORS = 1 << 20
"""Above every limit; Linux passes over what is not open."""


def main(plan: dict[str, Any], channel: socket.socket) -> None:
    """Build the walls in their order, prove them, and run what the plan names."""
    try:
        _confine(plan, channel)
    except (OSError, KeyError, ValueError) as error:
        _say(channel, {"failed": f"{type(error).__name__}: {error}"})
        os._exit(78)
    _run(plan, channel.detach())


def _confine(plan: dict[str, Any], channel: socket.socket) -> None:
    # All that is needed later too: soon this folder cannot be seen any more.
    from walls import (  # type: ignore[import-not-found]
        landlock,
        limits,
        namespaces,
        privileges,
        seccomp,
        selftest,
    )

    _close_all_but(channel.fileno(), plan.get("stdio", -1))
    if names := plan["namespaces"]:
        namespaces.unshare(names)
    if view := plan["view"]:
        binds = [namespaces.Bind(*bind) for bind in view["binds"]]
        namespaces.enter(namespaces.View(binds, view["tmp_bytes"], plan["uid"]))
    if scratch := plan["scratch"]:
        binds = [namespaces.Bind(*bind) for bind in scratch["binds"]]
        namespaces.make_scratch(namespaces.View(binds, scratch["tmp_bytes"], plan["uid"]))
    if plan["uid"]:
        privileges.become(plan["uid"])
    privileges.die_with_parent(plan["parent"])
    _ask(channel, {"step": "namespaces"})
    limits.apply(plan["limits"])
    if plan["confine"]:
        privileges.hide()
        privileges.drop_capabilities()
    if (files := plan["landlock"]) is not None:
        landlock.restrict([landlock.Allowed(*file) for file in files])
    listener: list[int] = []
    if (calls := plan["seccomp"]) is not None:
        profile = seccomp.Profile(os.uname().machine, os.getpid(), *calls)
        listener = [seccomp.install(seccomp.program(profile))]
    _ask(channel, {"step": "walls"}, listener)
    for descriptor in listener:
        os.close(descriptor)
        seccomp.seal(os.uname().machine)
    forks = bool(plan["seccomp"] and plan["seccomp"][1])
    wrong = selftest.tried(frozenset(plan["layers"]), forks=forks)
    _ask(channel, {"step": "proven", "wrong": wrong})


def _close_all_but(*kept: int) -> None:
    """Whatever else was handed down, by whomever: a folder that is open leads past every wall."""
    begin = 3
    for descriptor in sorted(d for d in kept if d >= 0):
        os.closerange(begin, descriptor)
        begin = descriptor + 1
    os.closerange(begin, _MOST_DESCRIPTORS)


def _run(plan: dict[str, Any], channel: int) -> None:
    if plan["execute"]:
        _execute(plan)
    os.environ.clear()
    os.environ.update(plan["environment"])
    sys.path[:] = plan["path"]
    sys.meta_path.append(_Packages(plan["packages"]))
    sys.argv[:] = [plan["main"], str(channel), *plan["arguments"]]
    if plan["confine"]:
        _go_without_tls()
    runpy.run_module(plan["main"], run_name="__main__", alter_sys=False)


def _go_without_tls() -> None:
    """There is no network: OpenSSL would be 0.8 MB of each process, and 10 ms of its start.

    Whoever imports ``ssl`` gets it; only asyncio was made without.
    """
    sys.modules["ssl"] = None  # type: ignore[assignment]
    importlib.import_module("asyncio")
    del sys.modules["ssl"]


def _execute(plan: dict[str, Any]) -> None:
    """Become the command; what this interpreter ignores, another program need not."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.dup2(plan["stdio"], 0)
    os.dup2(plan["stdio"], 1)
    os.closerange(3, 1 << 10)
    try:
        os.execve(plan["execute"][0], plan["execute"], plan["environment"])  # noqa: S606
    except OSError as error:
        os.write(2, f"{plan['execute'][0]} cannot be run: {error.strerror}\n".encode())
        os._exit(127)


def _ask(channel: socket.socket, report: dict[str, Any], listener: list[int] | None = None) -> None:
    """Report a step, and wait until the host has seen for itself."""
    _say(channel, report, listener)
    if channel.recv(1) != _GO:
        os._exit(77)


def _say(channel: socket.socket, report: dict[str, Any], listener: list[int] | None = None) -> None:
    data = json.dumps(report).encode() + b"\n"
    if listener:
        socket.send_fds(channel, [data], listener)
    else:
        channel.sendall(data)


class _Packages(MetaPathFinder):
    """Finds a few packages where they are, and nothing that lies beside them."""

    def __init__(self, folders: dict[str, str]) -> None:
        self._folders = folders
        self._parents = {name.rpartition(".")[0] for name in folders} - {""}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The package or module of this name, or the empty package that it stands in."""
        if fullname in self._parents:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        folder = self._folders.get(fullname)
        if folder is None:
            return None
        if folder.endswith(".py"):
            return spec_from_file_location(fullname, folder)
        return spec_from_file_location(
            fullname, f"{folder}/__init__.py", submodule_search_locations=[folder]
        )


def _walls() -> ModuleType:
    """This folder as a package of its own: the plugins' package would import too much, too early."""
    package = ModuleType("walls")
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]  # noqa: PTH100, PTH120
    return package


if __name__ == "__main__":
    sys.modules["walls"] = _walls()
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        given = json.load(file)
    main(given, socket.socket(fileno=int(sys.argv[2])))
