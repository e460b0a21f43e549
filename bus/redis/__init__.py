"""The mirror to Redis, and its readers. The ``redis`` package is imported once one is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_subscriber import AsyncGap, AsyncSubscriber
    from .gaps import Filled, Gap
    from .groups import Delivery, GroupReader, Poison
    from .subscriber import ObservedEvent, Subscriber

__all__ = [
    "AsyncGap",
    "AsyncSubscriber",
    "Delivery",
    "Filled",
    "Gap",
    "GroupReader",
    "ObservedEvent",
    "Poison",
    "Subscriber",
]

_PLACES = {
    "AsyncGap": "async_subscriber",
    "AsyncSubscriber": "async_subscriber",
    "Delivery": "groups",
    "Filled": "gaps",
    "Gap": "gaps",
    "GroupReader": "groups",
    "ObservedEvent": "subscriber",
    "Poison": "groups",
    "Subscriber": "subscriber",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
