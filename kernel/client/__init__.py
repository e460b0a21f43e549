"""Clients of a daemon's API: ``Client``, and ``AsyncClient`` for programs with an event loop."""

from __future__ import annotations

from .aio import AsyncClient
from .calls import CallBegun, CallChunk, CallEvent, CallProgress, CallResult
from .sync import Client, under
from .transport import Query

__all__ = [
    "AsyncClient",
    "CallBegun",
    "CallChunk",
    "CallEvent",
    "CallProgress",
    "CallResult",
    "Client",
    "Query",
    "under",
]
