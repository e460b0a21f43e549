"""What the kernel hears over Redis, as the configuration asks for it; nothing of it is imported without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from retinue.actors.child_specs import ChildSpec
from retinue.actors.runtime import ActorRef, System
from retinue.actors.scribe import Scribe
from retinue.actors.task_table import TaskTable
from retinue.bus.errors import ActorDead, RetinueError
from retinue.bus.ids import Ids
from retinue.bus.journal import EventStore

from .config import Config
from .redis_access import access_of

if TYPE_CHECKING:
    from retinue.bus.redis.client import RawConnection
    from retinue.bus.redis.echoes import Echoes
    from retinue.bus.redis.intake import Intake
    from retinue.bus.redis.listener import Listener

__all__ = ["Hearing"]

_FILL_BYTES = 1024
_SHUT_TIMEOUT = 1.0


class Parts(Protocol):
    """What is needed of a kernel's tree."""

    config: Config
    system: System
    ids: Ids
    store: EventStore
    table: TaskTable
    scribe: Scribe


class Hearing:
    """Makes the actors that hear, and has them end in time."""

    def __init__(self, tree: Parts) -> None:
        """For the parts of that kernel; nothing is made until ``children``."""
        self._tree = tree
        self._config = config = tree.config
        self._listener: Listener | None = None
        self._shut: Callable[[], None] = lambda: None
        self.echoes: Echoes | None = None
        """What is published on a channel that is also listened to; ``None`` when none is."""
        inbound = config.observers.dialects.live_logs.inbound
        if inbound and config.redis != "none":
            from retinue.bus.redis.echoes import Echoes

            self.echoes = Echoes()

    @property
    def listening(self) -> bool:
        """Whether the kernel hears everything that it is to hear."""
        return self._listener is not None and self._listener.listening

    @property
    def intake(self) -> Intake | None:
        """The counts of telemetry; ``None`` when none is taken in."""
        return None if self._listener is None else self._listener.intake

    def children(self, url: str) -> list[ChildSpec]:
        """The actors, in the order in which they start; ``url`` is where the kernel publishes.

        There are none where it publishes to a program's own mirror, which has no URL.
        """
        if not url:
            return []
        from retinue.actors.bygone import Bygone
        from retinue.actors.inbound import Door, TelemetryDesk
        from retinue.actors.listener import ListenerActor

        tree, door = self._tree, Door()
        self._listener = self._make(url)
        bygone = Bygone(tree.store, tree.table, tree.ids.boot)
        self._shut = door.close
        args = (self._listener, self._desk, tree.scribe, door, bygone)
        heard = ChildSpec("listener", ListenerActor, args, optional=True)
        if self.echoes is None:
            return [heard]
        desk = ChildSpec("telemetry", TelemetryDesk, (tree.scribe, tree.table), optional=True)
        return [desk, heard]

    @property
    def trouble(self) -> str:
        """Why the kernel does not hear what it is to hear; empty when it does, or is to hear nothing."""
        return "" if self._listener is None else self._listener.trouble

    def counts(self) -> dict[str, int]:
        """What became of the messages of programs outside, as far as they are taken in."""
        intake = self.intake
        return {} if intake is None else {"taken": intake.taken, **intake.dropped}

    def shut(self) -> None:
        """Let in nothing more; what was let in is before the next thing that is written down."""
        self._shut()
        desk = self._tree.system.find("telemetry")
        if desk is None:
            return
        from retinue.actors.inbound import TakeIn

        try:
            desk.ask(TakeIn(), timeout=_SHUT_TIMEOUT)
        except RetinueError:
            return  # it has ended, and will not write anything

    def wake(self) -> None:
        """The actors are about to be stopped: none of them waits for anything outside."""
        if self._listener is not None:
            self._listener.wake()

    def _desk(self) -> ActorRef[Any]:
        found = self._tree.system.find("telemetry")
        if found is None:
            raise ActorDead("the kernel's actor 'telemetry' is not there: it has ended")
        return found

    def _make(self, url: str) -> Listener:
        from retinue.bus.redis.client import connection
        from retinue.bus.redis.fills import FillServer
        from retinue.bus.redis.intake import Intake
        from retinue.bus.redis.link import Link
        from retinue.bus.redis.listener import FillEar, Listener, TelemetryEar
        from retinue.bus.topics import Selection, fill_channel, stream

        name, observers, access = self._config.name, self._config.observers, access_of(self._config)
        slot = stream(name)

        def connect() -> RawConnection:
            return connection(url, slot=slot, access=access, protocol=2)

        selection = Selection(observers.include, observers.exclude)
        fills = FillServer(connect(), name, self._tree.store, selection, observers.form)
        asked = FillEar(Link(connect(), fill_channel(name), _FILL_BYTES), fills)
        if self.echoes is None:
            return Listener(asked, None)
        logs = observers.dialects.live_logs
        link = Link(connect(), logs.channel, logs.inbound_bytes, self.echoes.subscribed)
        intake = Intake(logs.channel, logs.inbound_rate, self.echoes)
        return Listener(asked, TelemetryEar(link, intake, self.echoes))
