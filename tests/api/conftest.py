"""A real kernel behind a real socket, and clients of it."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.kernel import Kernel
from retinue.kernel.api.server import ApiServer
from retinue.kernel.client import Client
from retinue.kernel.unix_socket import listen
from retinue.plugins import agent


@agent
async def shout(ctx: Any, text: str) -> str:
    """Answers in capitals."""
    ctx.thought("louder")
    return text.upper()


@agent
async def broken(ctx: Any) -> None:
    """Always fails."""
    raise ValueError("it is broken")


@agent
async def patient(ctx: Any) -> None:
    """Waits until it is cancelled."""
    import asyncio

    ctx.thought("waiting")
    await asyncio.Event().wait()


class Served:
    """What a test needs of a served kernel."""

    def __init__(self, kernel: Kernel, server: ApiServer, path: Any, stops: list[str]) -> None:
        self.kernel = kernel
        self.server = server
        self.path = path
        self.stops = stops
        self.client = Client(path)


@pytest.fixture
def served(tmp_path):
    """A kernel with the agents above, served at a socket in ``tmp_path``."""
    stops: list[str] = []
    path = tmp_path / "s"
    with Kernel() as kernel, listen(path) as listener:
        for made in (shout, broken, patient):
            kernel.spawn(made.name, made)
        server = ApiServer(kernel, listener, stops.append)
        server.start()
        try:
            yield Served(kernel, server, path, stops)
        finally:
            assert server.close()
