"""Serves the API on sockets that are already bound, on a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from retinue.bus.errors import StartFailed

from .app import build
from .events import EventStreams

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["ApiServer"]

_GRACE = 2  # seconds for requests that are being answered when the stop comes


class ApiServer:
    """Off the main thread uvicorn leaves signals alone: they stay the daemon's."""

    def __init__(
        self, kernel: Kernel, listener: socket.socket, stop: Callable[[str], None]
    ) -> None:
        """``listener`` is bound and listening; ``stop`` begins the daemon's stop."""
        self._listener = listener
        self._streams = EventStreams(kernel)
        self._server = _Server(_config(build(kernel, self._streams, stop)), self._streams)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="retinue-api")

    def start(self, timeout: float = 10.0) -> None:
        """Return once requests are answered; raises ``StartFailed``."""
        self._thread.start()
        if not self._server.up.wait(timeout) or self._failure:
            raise StartFailed(
                f"the API did not start: {self._failure or f'not within {timeout} s'}"
            )

    def close(self, timeout: float = 5.0) -> bool:
        """Answer what was asked, end streams, stop; tells whether it did within ``timeout`` seconds."""
        self._server.should_exit = True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._listener]))
        except BaseException as error:  # noqa: BLE001  start() raises it
            self._failure = error
        finally:
            self._server.up.set()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, streams: EventStreams) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self._streams = streams

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.close()  # an open stream would hold up a graceful shutdown
        await super().shutdown(sockets)


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",  # uvloop accepts below Python, and would pass over the check of peers
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
