"""Clients of a daemon's API: ``Client``, and ``AsyncClient`` for programs with an event loop."""

from __future__ import annotations

from .aio import AsyncClient
from .sync import Client, under
from .transport import Query

__all__ = ["AsyncClient", "Client", "Query", "under"]
