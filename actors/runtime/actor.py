"""The two kinds of actors: light ones share a dispatcher's thread, thread actors own one."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import pykka

from .context import here
from .entries import Request
from .future import Future
from .ref import ActorRef
from .system import default_system

__all__ = ["LightActor", "ThreadActor", "current_actor"]


if TYPE_CHECKING:

    class _PykkaActor:
        """Pykka's actor without its hooks, whose types leave no room for ``async`` ones."""

        def _handle_receive(self, message: Any) -> Any: ...

else:
    _PykkaActor = pykka.Actor


class _Actor(_PykkaActor):
    """What both kinds share: pykka's hooks and attributes, on this runtime."""

    actor_cell: Any
    owns_thread: ClassVar[bool]
    has_on_start: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note whether there is a start to wait for."""
        super().__init_subclass__(**kwargs)
        cls.has_on_start = cls.on_start is not _Actor.on_start

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing to do: the runtime sets ``actor_ref`` before; calling it is optional."""

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start the actor in the process's default system; arguments go to ``__init__``.

        Raises ``StartFailed``. ``System.start`` starts one in a system of your own.
        """
        return default_system().start_plainly(cls, args, kwargs)

    @property
    def actor_ref(self) -> ActorRef[Self]:
        """The reference to this actor; to be had in ``__init__`` already."""
        ref: ActorRef[Self] = self.actor_cell.ref
        return ref

    @property
    def actor_urn(self) -> str:
        """System and name."""
        return self.actor_ref.actor_urn

    @property
    def actor_inbox(self) -> Any:
        """The mailbox; not for use."""
        return self.actor_cell

    @property
    def actor_stopped(self) -> Any:
        """pykka's stop event, as far as ``is_set`` goes."""
        return self.actor_ref.actor_stopped

    def stop(self) -> None:
        """Stop this actor once it has handled what was sent before."""
        self.actor_ref.stop(block=False)

    def on_start(self) -> Any:
        """Run before the first message, on the actor's thread; may be ``async``.

        ``start`` returns after it, or raises ``StartFailed`` when it raises.
        """

    def on_receive(self, message: Any) -> Any:
        """Handle one message; what it returns is the reply. May be ``async``.

        The default refuses: a message nobody handles is a failure like any other.
        """
        raise NotImplementedError(
            f"{type(self).__name__} got {type(message).__name__} and has no on_receive for it"
        )

    def on_stop(self) -> Any:
        """Run after the last message of an orderly stop or pause; may be ``async``."""

    def on_failure(
        self,
        exception_type: type[BaseException],
        exception_value: BaseException,
        traceback: TracebackType | None,
    ) -> Any:
        """Run after a failure, before supervision decides; may be ``async``."""

    def defer(self) -> Future[Any]:
        """Where the reply to the message at hand goes: return it, and settle it later.

        For a message that was told, a future that nobody waits for.
        """
        entry = self.actor_cell.entry
        return entry.future if isinstance(entry, Request) else Future()

    def refuse(self, error: Exception) -> Any:
        """``return self.refuse(error)`` says no to the asker without being a failure.

        For a message that was told there is nobody to say it to: it goes where failures go.
        """
        entry = self.actor_cell.entry
        if isinstance(entry, Request):
            entry.future.fail(error)
            return entry.future
        self.actor_ref.system.report(self.actor_ref, error, entry)
        return None

    def handle_proxy(self, message: Any) -> Any:
        """Do what a pykka proxy asks; for the runtime."""
        return self._handle_receive(message)

    def __str__(self) -> str:
        return str(self.actor_ref)

    @staticmethod
    def _create_actor_inbox() -> NoReturn:
        raise NotImplementedError("the runtime makes mailboxes; use start()")

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> NoReturn:
        raise NotImplementedError("the runtime runs actors; use start()")


class LightActor(_Actor):
    """Shares a dispatcher's thread with others, and therefore must never block.

    Handlers are plain or ``async def``; an ``async`` one may await replies (``await
    ref.ask(message, block=False)``) and ``system.sleep``. While it awaits, the dispatcher runs
    others, but this actor takes no further message.
    """

    owns_thread = False


class ThreadActor(_Actor):
    """Owns a thread and may block on it: files, sockets, ``ask`` with ``block=True``."""

    owns_thread = True


def current_actor() -> ActorRef[Any] | None:
    """The actor whose code is running on this thread; None on a host's thread."""
    runner = here.runner
    if runner is None or runner.current is None:
        return None
    ref: ActorRef[Any] = runner.current.ref
    return ref
