"""Serves the API on sockets that are already bound, on a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from retinue.bus.errors import StartFailed

from .app import build, build_for_observers
from .gate import names_of
from .live.hub import Hub
from .live.places import MAX_CLIENTS
from .protocols import HttpProtocol, Seldom, SocketProtocol
from .sockets import MAX_MESSAGE

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["ApiServer"]

_MAX_OVER_TCP = 2 * MAX_CLIENTS  # connections
_GRACE = 2  # seconds for requests that are being answered when the stop comes


class ApiServer:
    """Off the main thread uvicorn leaves signals alone: they stay the daemon's."""

    def __init__(
        self,
        kernel: Kernel,
        listener: socket.socket,
        stop: Callable[[str], None],
        observers: socket.socket | None = None,
    ) -> None:
        """The sockets are bound and listening; ``stop`` begins the daemon's stop.

        ``observers`` is a TCP socket, over which events can be read, and nothing changed.
        """
        self.hub = Hub(kernel.name, kernel.feed)
        self.address = ""
        """Where observers reach it over TCP; empty without."""
        self._servers: list[tuple[_Server, socket.socket]] = []
        if observers is not None:
            host, port = observers.getsockname()[:2]
            self.address = names_of(host, port)[0]
            self._add(build_for_observers(kernel, self.hub, host, port), observers, _MAX_OVER_TCP)
        self._add(build(kernel, self.hub, stop, self.address), listener, None)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="retinue-api")

    def start(self, timeout: float = 10.0) -> None:
        """Return once requests are answered; raises ``StartFailed``."""
        self._thread.start()
        until = time.monotonic() + timeout
        up = all(server.up.wait(until - time.monotonic()) for server, _ in self._servers)
        if not up or self._failure:
            raise StartFailed(
                f"the API did not start: {self._failure or f'not within {timeout} s'}"
            )

    def close(self, timeout: float = 5.0) -> bool:
        """Answer what was asked, end streams, stop; tells whether it did within ``timeout`` seconds."""
        for server, _ in self._servers:
            server.should_exit = True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _add(self, app: object, listener: socket.socket, most: int | None) -> None:
        self._servers.append((_Server(_config(app, most), self.hub), listener))

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  start() raises it
            self._failure = error
        finally:
            for server, _ in self._servers:
                server.up.set()

    async def _serve(self) -> None:
        await asyncio.gather(*[server.serve([socket]) for server, socket in self._servers])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self._hub = hub

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()  # an open stream would hold up a graceful shutdown
        await super().shutdown(sockets)


def _config(app: object, most: int | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",  # uvloop accepts below Python, and would pass over the check of peers
        http=partial(HttpProtocol, log=Seldom()),  # type: ignore[arg-type]
        ws=SocketProtocol,
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,  # each client would have frames, and a window, of its own
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=most,
        timeout_graceful_shutdown=_GRACE,
    )
