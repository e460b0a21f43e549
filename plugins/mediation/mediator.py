"""The one door: which service a request belongs to, and that every refusal is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from retinue.bus.errors import Denied, InvalidInput, RetinueError

from ..hosting.calls import CallContext
from .denials import Denials, Tell

__all__ = ["PassedOn", "Service", "ServiceMediator", "parameters"]

Holds = Callable[[CallContext], bool]


class Service(Protocol):
    """Some methods of one kind, such as ``fs.read`` and ``fs.write``."""

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """Decide and do. Raises ``Denied``, which is told, or another ``RetinueError``."""


class PassedOn(Exception):
    """A refusal that somebody else decided on, and told: it is the answer, and no news."""

    def __init__(self, error: Denied) -> None:
        """``error`` is what the plugin gets."""
        super().__init__(str(error))
        self.error = error


class ServiceMediator:
    """Passes requests on by what stands before the dot. Any number at once, on any loop."""

    def __init__(
        self,
        services: Mapping[str, Service],
        tell: Tell,
        holds: Holds = lambda _: True,
    ) -> None:
        """``tell`` hears of every refusal, before the plugin does.

        ``holds`` says at each request whether the call's grant was not revoked meanwhile.
        """
        self._services = dict(services)
        self._denials = Denials(tell)
        self._holds = holds

    async def handle(self, call: CallContext, method: str, params: bytes) -> bytes:
        """JSON in, JSON out; what is not a ``RetinueError`` is told to the plugin without its text."""
        try:
            service = self._service(call, method)
            value = await service.handle(call, method, params)
        except Denied as error:
            self._denials.add(call, method, error)
            raise
        except PassedOn as passed:
            raise passed.error from None
        except RetinueError:
            raise
        except (OSError, ValueError) as error:
            raise RetinueError(f"{method}: {type(error).__name__}") from error
        return msgspec.json.encode(value)

    def _service(self, call: CallContext, method: str) -> Service:
        if not self._holds(call):
            name = call.principals.plugin
            raise Denied("grant.revoked", name, f"what was granted to {name!r} was taken back")
        service = self._services.get(method.partition(".")[0])
        if service is None:
            raise Denied("host.unknown_method", method, f"there is no {method!r} to ask for")
        return service


def parameters(params: bytes, kind: type[Any], method: str) -> Any:
    """What was asked, typed; raises ``InvalidInput`` that names the method and the place."""
    try:
        return msgspec.json.decode(params, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"{method}: {error}") from error
