"""Readers of the kernel's own HTTP server, which come back by themselves."""

from __future__ import annotations

import contextlib
import http.client
import json

from websockets.exceptions import WebSocketException
from websockets.sync.client import unix_connect

from retinue.bus.redis.gaps import Gap
from retinue.bus.wire import parse
from retinue.kernel.unix_socket import connect

from .watchers import Watcher


class Sent(Watcher):
    """Server-sent events, as a browser follows them."""

    kind = "server-sent events"

    def __init__(self, path, start: int) -> None:
        super().__init__(start)
        self.path = path
        self.socket = None
        self.last = start

    def follow(self) -> None:
        while not self.closed.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._stream()
            self.closed.wait(0.005)

    def cut(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(2)

    def close(self) -> None:
        super().close()
        self.cut()

    def _stream(self) -> None:
        # A gap has no id: who comes back before the next event is told of it once more.
        self.reached = self.last
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = self.socket = connect(self.path, 10)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last)}
        connection.request("GET", "/v1/events?slow=drop&heartbeat=1", headers=headers)
        with contextlib.closing(connection), connection.getresponse() as response:
            block: dict[str, str] = {}
            while line := response.readline():
                self.going_on.wait()
                if line == b"\n":
                    self._block(block)
                    block = {}
                    continue
                name, _, value = line.decode().rstrip("\n").partition(":")
                block[name] = value.removeprefix(" ")

    def _block(self, block: dict[str, str]) -> None:
        if block.get("event") == "gap":
            gap = json.loads(block["data"])
            self.gap(Gap(gap["first"], gap["last"]))
        elif "data" in block:
            event = parse(block["data"].encode())
            self.event(event.seq, event.id)
        self.last = int(block.get("id", self.last))


class Socket(Watcher):
    """A WebSocket to ``/events``: of each event the messages of a dialect, or none."""

    kind = "WebSocket"
    whole = False

    def __init__(self, path, start: int) -> None:
        super().__init__(start)
        self.path = path
        self.socket = None

    def follow(self) -> None:
        while not self.closed.is_set():
            with contextlib.suppress(OSError, WebSocketException):
                self._messages()
            self.closed.wait(0.005)

    def cut(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.socket.shutdown(2)

    def close(self) -> None:
        super().close()
        self.cut()

    def _messages(self) -> None:
        place = f"ws://localhost/events?seq=true&from={self.reached + 1}&rate=100000"
        with unix_connect(str(self.path), place, compression=None, max_queue=4) as self.socket:
            for text in self.socket:
                self.going_on.wait()
                said = json.loads(text)
                if said["type"] == "gap":
                    self.gap(Gap(said["first"], said["last"]))
                elif "seq" in said:
                    if said["seq"] != self.reached:  # one event may be several messages
                        self.event(said["seq"], "")
                else:
                    self.wrong.append(f"WebSocket: {text[:200]}")
