"""A real kernel behind a real socket, and clients of it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import unix_connect

from retinue.bus.wire import ObservedEvent, parse
from retinue.kernel import Kernel
from retinue.kernel.api.live.hub import Hub
from retinue.kernel.api.server import ApiServer
from retinue.kernel.client import Client
from retinue.kernel.listening import listen_tcp
from retinue.kernel.tokens import TokenFile
from retinue.kernel.unix_socket import connect, listen
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


@agent(tools=["echo.say"])
async def talker(ctx: Any, thoughts: int = 3, text: str = "x") -> str:
    """Thinks aloud, and calls a tool."""
    for number in range(thoughts):
        ctx.thought(f"{number} {text}")
    return await ctx.call("echo.say", text="hi")


class Served:
    """What a test needs of a served kernel."""

    def __init__(
        self, kernel: Kernel, server: ApiServer, path: Any, stops: list[str], tokens: TokenFile
    ) -> None:
        self.kernel = kernel
        self.server = server
        self.path = path
        self.stops = stops
        self.client = Client(path)
        self.tokens = tokens
        self._bearers: dict[str, str] = {}

    def bearer(self, role: str = "viewer") -> str:
        """What a token of this role is sent as."""
        if role not in self._bearers:
            self._bearers[role] = self.tokens.create(f"{role}-of-tests", role)
        return f"Bearer {self._bearers[role]}"

    @property
    def hub(self) -> Hub:
        """Where live clients are served from."""
        return self.server.hub

    def talk(self, thoughts: int = 3, text: str = "x") -> str:
        """A run of so many thoughts, ended; its id."""
        handle = self.kernel.submit("talker", {"thoughts": thoughts, "text": text})
        handle.result(timeout=30)
        return handle.run

    def events(self, **query: Any) -> list[ObservedEvent]:
        """What the journal has, over the API."""
        return list(self.client.events({"from": "start", "follow": False, **query}))

    def stuck(self, path: str, *headers: str) -> socket.socket:
        """A client that asks, and then reads nothing. To be closed."""
        made = connect(self.path, 30)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = [f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]
        made.sendall("\r\n".join(head).encode())
        return made

    def socket(self, path: str) -> Any:
        """A WebSocket to it; a context manager."""
        return unix_connect(str(self.path), f"ws://localhost{path}", compression=None)

    def sent(self, path: str = "/v1/events?from=start", **headers: str) -> Sent:
        """Server-sent events; a context manager."""
        return Sent(_Unix(self.path), path, headers)


class Sent:
    """A reader of server-sent events, as the HTML standard has them."""

    def __init__(
        self, connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
    ) -> None:
        self._connection = connection
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Accept": "text/event-stream", **named})
        self.response = connection.getresponse()
        self.last_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()

    def blocks(self) -> Iterator[dict[str, str]]:
        """Each block with its fields; comments are the field without a name."""
        block: dict[str, str] = {}
        while line := self.response.readline():
            if line == b"\n":
                self.last_id = block.get("id", self.last_id)
                yield block
                block = {}
            else:
                name, _, value = line.decode().rstrip("\n").partition(":")
                block[name] = value.removeprefix(" ")

    def items(self) -> Iterator[ObservedEvent | dict[str, Any]]:
        """Events, and gaps as dictionaries."""
        for block in self.blocks():
            if block.get("event") == "gap":
                yield json.loads(block["data"])
            elif "data" in block:
                yield parse(block["data"].encode())


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = connect(self._path, self.timeout)


@pytest.fixture
def served(tmp_path):
    """A kernel with the agents above, served at a socket in ``tmp_path``."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """One that a file's tests share, and leave as it is."""
    with serving(tmp_path_factory.mktemp("standing")) as made:
        yield made


@contextmanager
def serving(folder: Path, tcp: str = "", **given: Any) -> Iterator[Served]:
    """The same with what is ``given`` to the kernel; ``tcp`` is where it is reached with tokens."""
    stops: list[str] = []
    path = folder / "s"
    with Kernel(**given) as kernel, listen(path) as listener:
        for made in (shout, broken, patient, talker):
            kernel.spawn(made.name, made)
        tokens = TokenFile(folder)
        reached = listen_tcp(tcp, kernel.config.api.connections) if tcp else None
        server = ApiServer(kernel, listener, stops.append, reached, tokens)
        server.start()
        try:
            yield Served(kernel, server, path, stops, tokens)
        finally:
            assert server.close()
