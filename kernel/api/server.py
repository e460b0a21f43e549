"""Serves the API on sockets that are already bound, on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from retinue.bus.errors import StartFailed

from ..bounded_socket import BoundedSocket
from ..listening import is_loopback
from ..tokens import TokenFile
from .app import build
from .authorise import Authorise
from .denials import Denials
from .gate import Gate, Names, configured, names_of
from .live.hub import Hub
from .metrics import Requests
from .protocols import HttpProtocol, Seldom, SocketProtocol
from .rates import Rates
from .repeats import Repeats
from .sockets import MAX_MESSAGE
from .table import Shared
from .tickets import Tickets

if TYPE_CHECKING:
    from ..api_config import TlsConfig
    from ..kernel import Kernel

__all__ = ["ApiServer"]

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all good
_GRACE = 2  # seconds for requests that are being answered when the stop comes


class ApiServer:
    """Off the main thread uvicorn leaves signals alone: they stay the daemon's."""

    def __init__(
        self,
        kernel: Kernel,
        listener: socket.socket,
        stop: Callable[[str], None],
        tcp: BoundedSocket | None = None,
        tokens: TokenFile | None = None,
    ) -> None:
        """The sockets are bound and listening; ``stop`` begins the daemon's stop.

        Over ``tcp`` each request has to show one of ``tokens``; without them nobody comes in.
        """
        self.hub = Hub(kernel.name, kernel.feed)
        self.address = ""
        """``HOST:PORT`` over TCP; empty without."""
        self._servers: list[tuple[_Server, socket.socket]] = []
        if tcp is not None:
            host, port = tcp.getsockname()[:2]
            self.address = names_of(host, port)[0]
        tickets = Tickets(kernel.clock)
        self.shared = shared = Shared(
            kernel,
            self.hub,
            stop,
            self._url(kernel.config.tls),
            tokens or TokenFile(_NOWHERE),
            tickets,
            Repeats(),
            Requests(),
        )
        if tcp is not None:
            self._add(_gated(shared, tcp), tcp, kernel.config.tls)
        self._add(build(shared, guests=False)[0], listener, None)
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

    def _url(self, tls: TlsConfig) -> str:
        scheme = "https" if tls.cert_file else "http"
        return f"{scheme}://{self.address}" if self.address else ""

    @property
    def connections(self) -> int:
        """How many are open."""
        return sum(len(server.server_state.connections) for server, _ in self._servers)

    def _add(self, app: object, listener: socket.socket, tls: TlsConfig | None) -> None:
        self._servers.append((_Server(_config(app, tls), self.hub), listener))

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


def _gated(shared: Shared, tcp: BoundedSocket) -> Gate:
    kernel = shared.kernel
    config = kernel.config
    inner, access = build(shared, guests=True)
    host, port = tcp.getsockname()[:2]
    local = is_loopback(host)
    denials = Denials(kernel.journal.note_denied)
    tcp.on_refused = lambda who: denials.refused("connections", "", "connect", who, _CROWDED)
    own = names_of(host, port) if local else [f"localhost:{port}", *configured(_machine(), port)]
    secure = bool(config.tls.cert_file)
    return Gate(
        inner,
        Names(
            frozenset([*own, *configured(config.api.names, port)]),
            ("http", "https") if config.api.behind_proxy else ("https" if secure else "http",),
        ),
        access,
        Authorise(
            shared.tokens,
            shared.tickets,
            "observer" if local and config.api.open_observers else "public",
        ),
        Rates(config.api.rate, kernel.clock.monotonic),
        denials,
    )


_NOWHERE = Path(os.devnull)
_CROWDED = "there are too many connections: see api.connections"


def _machine() -> list[str]:
    return [socket.gethostname()]


def _config(app: object, tls: TlsConfig | None) -> uvicorn.Config:
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
        ssl_certfile=tls.cert_file if tls and tls.cert_file else None,
        ssl_keyfile=tls.key_file if tls and tls.key_file else None,
        ssl_ciphers=_CIPHERS,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )
