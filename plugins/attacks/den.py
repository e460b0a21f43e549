"""A host for hostile plugins: real processes behind real walls, whose events are kept in lists."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import CodecError, Denied

from ..hosting.calls import CallContext, Mediator
from ..hosting.interpreter import this_interpreter
from ..hosting.plugin import HostedPlugin
from ..hosting.starting import python_plan
from ..manifest.admission import Admitted, admit
from ..manifest.model import Grant, Level, Limits, Permissions
from ..mediation.files import FileService
from ..mediation.mediator import ServiceMediator
from ..protocol.rules import Violation
from ..sandbox.cgroups import Exceeded
from ..sandbox.confined import Confined
from ..sandbox.given import Given
from ..sandbox.levels import Plan
from ..sandbox.notices import Refused
from ..sandbox.spawner import Spawner

__all__ = ["NOTHING", "USUAL", "Den", "Prey", "Watch", "settled"]

NOTHING, USUAL = Permissions(), Limits()
HOSTILE = Path(__file__).with_name("hostile")


class Watch:
    """Keeps what a host would write down, as words."""

    def __init__(self) -> None:
        self.events: list[str] = []
        """Of security, each as ``layer:rule``, in order."""
        self.lines: list[str] = []
        self.ends: list[str] = []

    def started(self, pid: int, level: str, layers: tuple[str, ...], seconds: float) -> None:
        """It runs."""

    def refused(self, call: Refused) -> None:
        """One event for each system call, as a host sums them up."""
        self._add(f"seccomp:{call.name}")

    def violated(self, error: Violation | CodecError) -> None:
        """It broke the protocol."""
        self.events.append("protocol:protocol")

    def logged(self, stream: str, line: str) -> None:
        """It wrote a line."""
        self.lines.append(f"{stream}: {line}")

    def exceeded(self, bound: Exceeded) -> None:
        """It met a bound."""
        self.events.append(f"{bound.layer}:limits.{bound.limit}")

    def exited(self, reason: str, restart: float | None, seconds: float) -> None:
        """It ended."""
        self.ends.append(reason)

    def denied(self, call: CallContext, method: str, error: Denied, count: int = 1) -> None:
        """The mediator refused."""
        self.events.append(f"mediation:{error.rule}")

    def _add(self, event: str) -> None:
        if event not in self.events:
            self.events.append(event)


class Prey(NamedTuple):
    """What attacks are after: it is real, it is the host's, and it has to be as it was afterwards."""

    folder: Path
    """Granted to the plugin for writing; holds links that lead out of it."""
    secret: Path
    port: socket.socket
    unix: socket.socket
    abstract: socket.socket

    @property
    def told(self) -> dict[str, Any]:
        """What an attacker knows."""
        return {
            "secret": str(self.secret),
            "folder": str(self.folder),
            "home": str(Path.home()),
            "host": os.getpid(),
            "port": self.port.getsockname()[1],
            "socket": self.unix.getsockname(),
            "abstract": self.abstract.getsockname()[1:].decode(),
        }

    def harm(self) -> str:
        """What has changed, or was reached; empty when nothing was."""
        if self.secret.read_text(encoding="utf-8") != SECRET:
            return "the host's file was changed"
        if self.secret.stat().st_mode & 0o777 != 0o644:
            return "the host's file has another mode"
        for listener in (self.port, self.unix, self.abstract):
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                continue
            return f"a connection reached {listener.getsockname()!r}"
        return ""


SECRET = "the host's own\n"  # noqa: S105 - a text to look for


class Den:
    """Starts hostile plugins. Its methods run on one loop; ``close`` ends every process."""

    def __init__(
        self, folder: Path, given: Given, level: Level, clock: Clock | None = None
    ) -> None:
        """``folder`` is empty and the den's own."""
        self.folder = folder
        self.level = level
        self.watch = Watch()
        self.spawned: list[int] = []
        """The pids of all processes that were started."""
        self._given = given
        self._clock = clock or SystemClock()
        self._spawner = Spawner(self._clock)
        self._prey: Prey | None = None

    @property
    def prey(self) -> Prey:
        """Made at first use."""
        if self._prey is None:
            self._prey = _prey(self.folder / "prey")
        return self._prey

    def admitted(self, name: str = "hostile") -> Admitted:
        """The hostile plugin, taken in under a name."""
        source = self.folder / name
        if not source.exists():
            passed_over = shutil.ignore_patterns("__pycache__")
            shutil.copytree(HOSTILE, source / "hostile", ignore=passed_over)
            manifest = f'name = "{name}"\nversion = "1.0.0"\nentry = "hostile"\n'
            (source / "plugin.toml").write_text(manifest, encoding="utf-8")
        return admit(source, self.folder / "store")

    def plan(
        self,
        admitted: Admitted,
        permissions: Permissions = NOTHING,
        limits: Limits = USUAL,
        main: tuple[str, ...] = (),
    ) -> Plan:
        """How it starts; ``main`` is a module that takes the guest's place, and its arguments."""
        grant = _grant(admitted, permissions, limits)
        made = python_plan(admitted, grant, self.level, self._given, this_interpreter(), os.environ)
        if not main:
            return made
        launcher = {**made.launcher, "main": main[0], "arguments": list(main[1:])}
        return msgspec.structs.replace(made, launcher=launcher)

    def spawn(self, plan: Plan) -> Confined:
        """Start it; blocks."""
        confined = self._spawner.start(plan)
        self.spawned.append(confined.pid)
        return confined

    def hosted(
        self,
        admitted: Admitted,
        plan: Plan,
        permissions: Permissions = NOTHING,
        limits: Limits = USUAL,
        mediator: Mediator | None = None,
        watch: Watch | None = None,
    ) -> HostedPlugin:
        """A plugin on this den's loop; not started yet."""
        return HostedPlugin(
            _grant(admitted, permissions, limits),
            lambda: self.spawn(plan),
            mediator or ServiceMediator({"fs": FileService()}, (watch or self.watch).denied),
            watch or self.watch,
            clock=self._clock,
            number=lambda: secrets.randbits(63),
            chance=lambda: 0.0,
        )

    def close(self) -> None:
        """End every process, and let go of what was to be reached."""
        self._spawner.close()
        if self._prey is not None:
            for listener in self._prey[2:]:
                listener.close()


async def settled(plugin: HostedPlugin) -> None:
    """Until the host has heard all that the process said before: its answer comes after that."""
    if plugin.process is not None and not plugin.process.reason:
        await plugin.process.ping(5.0)
        await asyncio.sleep(0)


def _grant(admitted: Admitted, permissions: Permissions, limits: Limits) -> Grant:
    manifest = admitted.manifest
    return Grant(
        name=manifest.name,
        version=manifest.version,
        digest=admitted.digest,
        permissions=permissions,
        limits=limits,
        approved_by="attack",
    )


def _prey(folder: Path) -> Prey:
    granted = folder / "granted"
    granted.mkdir(parents=True)
    secret = folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o644)  # whoever may reach it may read it: only the walls are in the way
    (granted / "link").symlink_to(secret)
    (granted / "hard").hardlink_to(secret)
    os.mkfifo(granted / "fifo")
    name = f"\0retinue-{secrets.token_hex(8)}"
    return Prey(
        granted,
        secret,
        _listening(socket.AF_INET, ("127.0.0.1", 0)),
        _listening(socket.AF_UNIX, str(folder / "s")),
        _listening(socket.AF_UNIX, name),
    )


def _listening(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family)
    sock.bind(address)
    sock.listen()
    sock.setblocking(False)
    return sock
