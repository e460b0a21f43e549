"""The steps of a confinement: the launcher says what it did, and the host looks for itself."""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Callable
from typing import Any

from retinue.bus.clock import Clock
from retinue.bus.errors import PluginError

from . import notices
from .cgroups import Cgroups
from .confined import Confined
from .levels import Plan
from .outside import child_of, namespaces_of, status_of, unproven
from .priority import give_way
from .ready import ready

__all__ = ["Handshake"]

_LONGEST = 64 * 1024


class Handshake:
    """One confinement. Raises ``PluginError`` for a wall that is not there; blocks."""

    def __init__(
        self,
        confined: Confined,
        plan: Plan,
        uid: int,
        deadline: float,
        clock: Clock,
        cgroups: Callable[[str], Cgroups],
    ) -> None:
        """``uid`` is the one that it has to become, or 0; ``deadline`` by the clock's monotonic.

        ``cgroups`` are those in a folder.
        """
        self._cgroups = cgroups
        self._confined = confined
        self._plan = plan
        self._uid = uid
        self._deadline = deadline
        self._clock = clock
        self._machine = os.uname().machine
        self._inside: dict[str, int] = {}

    def run(self) -> None:
        """Go through all steps; afterwards nothing of the plugin's has run yet."""
        self._expect("namespaces")
        self._see_namespaces()
        self._enclose()
        self._go_on()
        self._expect("walls")
        self._see_walls()
        self._go_on()
        wrong = self._expect("proven")["wrong"]
        if wrong:
            raise PluginError(f"a wall does not hold: {'; '.join(wrong)}")
        self._confined.layers = (*self._plan.layers, *(("cgroup",) if self._plan.tree else ()))

    def _see_namespaces(self) -> None:
        if self._plan.bwrap:  # what it started first is its own
            self._confined.pid = child_of(self._confined.pid)
            give_way(self._confined.pid)
        host = namespaces_of(os.getpid())
        self._inside = namespaces_of(self._confined.pid)
        if self._inside["pid"] != host["pid"]:
            self._confined.pid_namespace = self._inside["pid"]
        self._refuse(status_of(self._confined.pid), walls=False)

    def _enclose(self) -> None:
        """While it waits for its word, so that nothing of it can be started outside."""
        if (tree := self._plan.tree) is None:
            return
        try:
            cgroup = self._cgroups(tree.folder).make(str(self._confined.pid), tree.bounds)
            self._confined.enclose(cgroup)
        except OSError as error:
            raise PluginError(
                f"the plugin's process cannot be put into a cgroup of its own: {error}"
            ) from error

    def _see_walls(self) -> None:
        self._refuse(status_of(self._confined.pid), walls=True)

    def _refuse(self, status: dict[str, str], *, walls: bool) -> None:
        """By what the plan promises, and not by what the launcher was told to do."""
        wrong = unproven(
            status,
            confined=walls and bool(self._plan.layers),
            seccomp=walls and "seccomp" in self._plan.layers,
            uid=self._uid,
            inside=self._inside,
            host=namespaces_of(os.getpid()),
            namespaces=_namespaces(self._plan),
        )
        if wrong:
            raise PluginError(f"the plugin's process is not confined: {'; '.join(wrong)}")

    def _go_on(self) -> None:
        self._confined.sock.sendall(b"G")

    def _expect(self, step: str) -> dict[str, Any]:
        report = self._receive()
        if report.get("step") != step:
            cause = report.get("failed", f"it said {report}")
            raise PluginError(f"the plugin's process cannot be confined: {cause}")
        return report

    def _receive(self) -> dict[str, Any]:
        """The next line of the launcher's; refused system calls are answered meanwhile."""
        data = b""
        while not data.endswith(b"\n"):
            self._wait()
            piece, descriptors = _receive_some(self._confined.sock)
            if descriptors:
                self._confined.listener = descriptors[0]
            if not piece or len(data) > _LONGEST:
                raise PluginError(f"the plugin's process ended before it was confined{self._why()}")
            data += piece
        found: dict[str, Any] = json.loads(data)
        return found

    def _wait(self) -> None:
        """Until the launcher says something; raises at the deadline."""
        while True:
            left = self._deadline - self._clock.monotonic()
            watched = [self._confined.sock.fileno()]
            if self._confined.listener >= 0:
                watched.append(self._confined.listener)
            found, _ = ready(watched, left)
            if not found:
                seconds = f"{self._plan.start_seconds:g} s"
                raise PluginError(f"the plugin's process was not confined within {seconds}")
            if self._confined.sock.fileno() in found:
                return
            self._answer()

    def _answer(self) -> None:
        """The launcher tries its own walls."""
        refused = notices.receive(self._confined.listener, self._machine)
        if refused is not None:
            notices.refuse(self._confined.listener, refused)

    def _why(self) -> str:
        """What it wrote on stderr: why an interpreter or bubblewrap could not start."""
        said, _ = ready([self._confined.stderr], 0.2)
        text = os.read(self._confined.stderr, 4096).decode(errors="replace") if said else ""
        last = text.strip().splitlines()[-1:] or ["it said nothing"]
        return f": {last[0]}"


def _namespaces(plan: Plan) -> tuple[str, ...]:
    """The kinds that have to differ from the host's."""
    own: tuple[str, ...] = ()
    if "namespaces" in plan.layers:
        own = ("mnt", "net", "ipc", "uts", *(() if plan.drops_uid else ("user",)))
    return (*own, "pid") if "bwrap" in plan.layers else own


def _receive_some(sock: socket.socket) -> tuple[bytes, list[int]]:
    """One piece, and the descriptors that came with it: only the launcher's own code runs yet."""
    numbers = array.array("i")
    piece, ancillary, _, _ = sock.recvmsg(_LONGEST, socket.CMSG_SPACE(numbers.itemsize))
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return piece, list(numbers)
