"""Plugins in processes of their own: the thread that they are started from, and their loop."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future as LoopFuture
from threading import Lock
from typing import Any, TypeVar

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.errors import DeadlineExceeded, KernelClosed
from retinue.bus.messages import EventBody, PluginFailed, SecurityDegraded
from retinue.plugins.hosting.calls import Mediator
from retinue.plugins.hosting.interpreter import this_interpreter
from retinue.plugins.hosting.plugin import HostedPlugin
from retinue.plugins.hosting.starting import level_for, plan_for
from retinue.plugins.manifest.admission import Admitted
from retinue.plugins.manifest.model import Grant, Level
from retinue.plugins.runtimes import process_for
from retinue.plugins.sandbox.confined import Confined
from retinue.plugins.sandbox.given import Given
from retinue.plugins.sandbox.probe import probe
from retinue.plugins.sandbox.spawner import Spawner

from .execution.loop import LoopThread
from .plugin_watch import PluginWatch

__all__ = ["PluginHosts", "Walls"]

T = TypeVar("T")
_STOP_SECONDS = 10.0
_OVERDUE = 1.0
"""Seconds after a call's deadline by which it certainly is over."""


class Walls(msgspec.Struct, frozen=True):
    """How plugins are walled in, as the operator has it.

    ``level`` is wanted, ``minimum`` the least for whoever is not in ``trusted``; ``bwrap`` names a
    bubblewrap in an unusual place.
    """

    level: Level = "standard"
    minimum: Level = "standard"
    bwrap: str = ""
    trusted: frozenset[str] = frozenset()


class PluginHosts:
    """Made at first use. Its methods block and may be called from any thread but its own."""

    def __init__(
        self,
        name: str,
        walls: Walls,
        mediator: Mediator,
        say: Callable[[EventBody], None],
        clock: Clock,
        environ: Mapping[str, str],
    ) -> None:
        """``name`` is the kernel's; ``say`` writes an event down that belongs to no task."""
        self._name = name
        self._walls = walls
        self._mediator = mediator
        self._say = say
        self._clock = clock
        self._environ = environ
        self._lock = Lock()
        self._thread: LoopThread | None = None
        self._spawner: Spawner | None = None
        self._given: Given | None = None
        self._closed = False
        self._running: dict[int, HostedPlugin] = {}

    def given(self) -> Given:
        """What this host gives; tried once."""
        with self._lock:
            if self._given is None:
                self._given = probe(self._walls.bwrap)
            return self._given

    def spawner(self) -> Spawner:
        """The thread that starts processes; made at first use. Raises ``KernelClosed``."""
        with self._lock:
            if self._closed and self._spawner is None:
                raise KernelClosed("the kernel is closed: it starts no processes")
            if self._spawner is None:
                self._spawner = Spawner(self._clock)
            return self._spawner

    def level_of(self, admitted: Admitted) -> Level:
        """The level at which a plugin would run. Raises ``PluginError``."""
        walls = self._walls
        trusted = admitted.manifest.name in walls.trusted
        manifest = admitted.manifest
        given = self.given() if manifest.permissions.processes else None
        return level_for(manifest, walls.level, walls.minimum, trusted=trusted, given=given)

    def start(self, admitted: Admitted, grant: Grant, settings: bytes) -> HostedPlugin:
        """Start a plugin and learn its tools. Raises ``PluginError``, or what its code raised."""
        level = self.level_of(admitted)
        plan = plan_for(admitted, grant, level, self.given(), this_interpreter(), self._environ)
        self._ready()
        spawner = self.spawner()

        def spawn() -> Confined:
            return spawner.start(plan)

        plugin = HostedPlugin(
            grant,
            spawn,
            self._mediator,
            PluginWatch(grant.name, grant.version, self._say),
            settings=settings,
            pinned=grant.offered,
            process=process_for(admitted.manifest, grant, self._clock, _number),
            clock=self._clock,
            number=_number,
            chance=random.SystemRandom().random,
        )
        if level in ("limits", "baseline"):
            self._say(
                SecurityDegraded(
                    grant.name,
                    level,
                    "standard",
                    "the operator lowered [sandbox] level, or trusts this plugin",
                )
            )
        self.run(plugin.start(), 2 * grant.limits.start_seconds + 1.0)
        self._running[id(plugin)] = plugin
        return plugin

    def stop(self, plugin: HostedPlugin, drain: float) -> None:
        """Let the calls in flight end, for ``drain`` seconds at most, and end the process."""
        self._running.pop(id(plugin), None)
        self.run(plugin.stop(drain), drain + _STOP_SECONDS)

    def retire(self, plugin: HostedPlugin) -> None:
        """Let the calls in flight end, each within its own deadline, and then the process; no wait."""
        assert self._thread is not None  # noqa: S101 - it was started here
        loop = self._thread.loop

        async def ended() -> None:
            await plugin.stop(plugin.patience + _OVERDUE)
            self._running.pop(id(plugin), None)

        asyncio.run_coroutine_threadsafe(ended(), loop)

    def run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run a coroutine on the plugins' loop, and wait; raises ``DeadlineExceeded``."""
        loop = self._ready().loop
        done: LoopFuture[T] = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return done.result(seconds)
        except TimeoutError:
            if done.cancel():
                raise DeadlineExceeded(f"it took longer than {seconds:g} s") from None
            raise

    def close(self, timeout: float) -> None:
        """End every plugin's process, at once; then nothing of them is left."""
        with self._lock:
            self._closed = True
        if self._thread is not None:
            for plugin in list(self._running.values()):
                self.run(plugin.stop(0.0), _STOP_SECONDS)
            self._running.clear()
            self._thread.stop()
            self._thread.join(timeout)
        if self._spawner is not None:
            self._spawner.close()

    def _ready(self) -> LoopThread:
        with self._lock:
            if self._closed and self._thread is None:
                raise KernelClosed("the kernel is closed: it starts no plugins")
            if self._thread is None:
                self._thread = LoopThread(f"retinue-{self._name}-plugins", self._escaped)
            return self._thread

    def _escaped(self, error: BaseException) -> None:
        """A callback of ours raised what asyncio lets through; the loop goes on."""
        self._say(PluginFailed("", f"on the plugins' loop: {type(error).__name__}: {error}"))


def _number() -> int:
    return secrets.randbits(63)
