"""The base of the kernel's own actors: a table of handlers, and refusals that are not failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from retinue.bus.envelope import Envelope
from retinue.bus.errors import InvalidInput

from .runtime import Future, LightActor
from .runtime.entries import Request

__all__ = ["KernelActor"]


class KernelActor(LightActor):
    """Handles each message by its type: an envelope's ``type``, or the class of a local message.

    Local messages carry what cannot be encoded (an agent's code, a ref). An exception that leaves
    a handler is a failure of the actor and goes to its supervisor; to say no to an asker, a handler
    answers with ``Future.fail`` instead.
    """

    handles: ClassVar[Mapping[str | type, str]] = {}

    def __init__(self) -> None:
        """Bind the handlers that the class names."""
        super().__init__()
        self._handlers: dict[str | type, Callable[[Any], Any]] = {
            kind: getattr(self, name) for kind, name in self.handles.items()
        }

    def on_receive(self, message: Any) -> Any:
        """Call the handler of the message's type."""
        kind = message.type if message.__class__ is Envelope else message.__class__
        try:
            handler = self._handlers[kind]
        except KeyError:
            raise InvalidInput(
                f"{type(self).__name__} has no handler for {kind!r}: send it to another actor"
            ) from None
        return handler(message)

    def defer(self) -> Future[Any]:
        """Where the reply to the message at hand goes; a handler that returns it replies later."""
        entry = self.actor_cell.entry
        return entry.future if isinstance(entry, Request) else Future()
