"""A guest that breaks the protocol: ``hostile.raw CHANNEL SCENARIO NAME VERSION``.

It is the whole process: nothing stands between it and the host's end of the channel.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from retinue.plugins.protocol.frames import (
    PROTOCOL,
    Ask,
    Call,
    Cancel,
    Event,
    FromHost,
    Hello,
    Log,
    Offer,
    Part,
    Pong,
    Reply,
    Stream,
)
from retinue.plugins.protocol.wire import Reader, encode

__all__ = ["AFTER", "AT_START", "FLOODS", "main"]


class Peer:
    """The channel, and the call that is being worked on."""

    def __init__(self, sock: socket.socket, name: str, version: str) -> None:
        self.sock = sock
        self.name, self.version = name, version
        self.id = 0
        self._reader: Reader[FromHost] = Reader(FromHost)

    def send(self, *frames: msgspec.Struct) -> None:
        """Send frames."""
        self.sock.sendall(b"".join(map(encode, frames)))

    def body(self, body: bytes) -> None:
        """Send what claims to be a frame."""
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def called(self) -> None:
        """Wait for the next call."""
        while True:
            for frame in self._reader.feed(self.sock.recv(65536) or os._exit(0)):
                if isinstance(frame, Call):
                    self.id = frame.id
                    return

    def greet(self, **changed: Any) -> None:
        """Say hello, with one tool."""
        tools = (Offer("try", b'{"type":"object"}'),)
        hello = Hello(PROTOCOL, self.name, self.version, tools)
        self.send(msgspec.structs.replace(hello, **changed))


def _array(*values: Any) -> bytes:
    return msgspec.msgpack.encode(values)


def _twice(peer: Peer) -> None:
    peer.greet()
    peer.greet()


def _drip(peer: Peer) -> None:
    for byte in struct.pack(">I", 64) + bytes(64):
        peer.sock.sendall(bytes([byte]))
        time.sleep(0.3)


def _often(peer: Peer, frame: msgspec.Struct) -> None:
    data = encode(frame) * 1000
    until = time.monotonic() + 10
    while time.monotonic() < until:
        peer.sock.sendall(data)


def _asking(peer: Peer) -> None:
    """Asks as fast as they go, and reads every answer."""
    peer.sock.setblocking(False)
    until, number = time.monotonic() + 1.0, 0
    while time.monotonic() < until:
        try:
            if number < 30:
                peer.sock.send(encode(Ask(number, peer.id, "fs.read", b'{"path":"/etc/shadow"}')))
                number += 1
            else:
                for _ in range(peer.sock.recv(65536).count(b"Reply")):
                    ask = Ask(number, peer.id, "fs.read", b'{"path":"/etc/shadow"}')
                    peer.sock.send(encode(ask))
                    number += 1
        except BlockingIOError:
            time.sleep(0.001)
    peer.sock.setblocking(True)
    peer.send(Reply(peer.id, b"null"))


def _telling(peer: Peer) -> None:
    for number in range(20_000):
        peer.send(Event(peer.id, float(number), 1e6))
    peer.send(Reply(peer.id, b"null"))


def _logging(peer: Peer) -> None:
    for _ in range(20_000):
        peer.send(Log("info", "x" * 100))
    peer.send(Reply(peer.id, b"null"))


def _printing(peer: Peer) -> None:
    os.write(1, b"\x1b[2J\r\x1b]0;owned\x07 forged\n")
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        os.write(1, b"x" * 4095 + b"\n")
    peer.send(Reply(peer.id, b"null"))


def _refused(peer: Peer) -> None:
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        try:
            socket.socket(socket.AF_INET)
        except OSError:
            continue
    peer.send(Reply(peer.id, b"null"))


AT_START: dict[str, Callable[[Peer], None]] = {
    "protocol: a frame of 4 GiB": lambda p: p.sock.sendall(b"\xff" * 4),
    "protocol: a frame of no bytes": lambda p: p.sock.sendall(bytes(4)),
    "protocol: a negative length": lambda p: p.sock.sendall(struct.pack(">i", -1)),
    "protocol: half a frame": lambda p: p.sock.sendall(struct.pack(">I", 64) + bytes(32)),
    "protocol: a byte now and then": _drip,
    "protocol: garbage": lambda p: p.body(os.urandom(512)),
    "protocol: a pickle": lambda p: p.body(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
    "protocol: deep nesting": lambda p: p.body(b"\x91" * 200_000),
    "protocol: an extension type": lambda p: p.body(b"\x92\xa3Log\xc7\x03\x01abc"),
    "protocol: a timestamp": lambda p: p.body(b"\x93\xa3Log\xd6\xff\0\0\0\0\xa1x"),
    "protocol: many empty maps": lambda p: p.body(
        b"\x92\xa5Hello\xdd\0\x03\0\0" + b"\x80" * 196_608
    ),
    "protocol: an unknown kind": lambda p: p.body(_array("Exec", "id")),
    "protocol: an unknown field": lambda p: p.body(_array("Log", "info", "x", "more")),
    "protocol: a host's frame": lambda p: p.body(_array("Call", 1, "load", b"", 1.0, "")),
    "protocol: a result before hello": lambda p: p.send(Reply(p.id, b"null")),
    "protocol: a second hello": _twice,
    "protocol: another's name": lambda p: p.greet(name="files"),
    "protocol: another version": lambda p: p.greet(version="9.9.9"),
    "protocol: another protocol": lambda p: p.greet(protocol=99),
    "protocol: 10,000 tools": lambda p: p.greet(tools=tuple(_tool(n) for n in range(10_000))),
    "protocol: two tools of one name": lambda p: p.greet(tools=(_tool(1), _tool(1))),
    "protocol: a tool that outlasts all": lambda p: p.body(
        _array("Hello", 1, p.name, p.version, [["try", b"{}", "", "none", float("nan")]])
    ),
}
"""What is sent in place of, or with, the hello."""

AFTER: dict[str, Callable[[Peer], None]] = {
    "protocol: bad UTF-8": lambda p: p.body(b"\x93\xa3Log\xa4info\xa2\xff\xfe"),
    "protocol: a lone surrogate": lambda p: p.body(b"\x93\xa3Log\xa4info\xa3\xed\xa0\x80"),
    "protocol: trailing bytes": lambda p: p.body(_array("Log", "info", "x") + b"\0"),
    "protocol: a reply to nothing": lambda p: p.send(Reply(1, b"null")),
    "protocol: a foreign id": lambda p: p.send(Reply(p.id + 1, b"null")),
    "protocol: a reply twice": lambda p: p.send(Reply(p.id, b"null"), Reply(p.id, b"null")),
    "protocol: a piece after the end": lambda p: p.send(Reply(p.id, b"1"), Stream(p.id, b"1")),
    "protocol: a piece of a foreign call": lambda p: p.send(Stream(p.id - 1, b"1")),
    "protocol: progress of a foreign call": lambda p: p.send(Event(p.id - 1, 1.0)),
    "protocol: progress that is no number": lambda p: p.body(
        _array("Event", p.id, float("nan"), 0.0, "")
    ),
    "protocol: negative progress": lambda p: p.body(_array("Event", p.id, -1.0, 0.0, "")),
    "protocol: a negative id": lambda p: p.body(_array("Reply", -1, b"", None, False)),
    "protocol: an id of 70 bits": lambda p: p.body(b"\x93\xa5Reply\xcf" + b"\xff" * 8 + b"\xc4\0"),
    "protocol: asking with one id twice": lambda p: p.send(*[Ask(7, p.id, "fs.x", b"{}")] * 2),
    "protocol: asking in parts": lambda p: p.send(Part(1, b"x", True)),
    "protocol: taking back what was not asked": lambda p: p.send(Cancel(3)),
    "protocol: a pong without a ping": lambda p: p.send(Pong(3)),
    "protocol: 2,000 requests at once": lambda p: p.send(
        *(Ask(n, p.id, "fs.read", b'{"path":"/x"}') for n in range(2000))
    ),
    "protocol: endless empty pieces": lambda p: _often(p, Stream(p.id, b"")),
    "protocol: endless progress": lambda p: _often(p, Event(p.id, 1.0)),
    "protocol: an endless result": lambda p: _often(p, Part(p.id, b"x" * 8192, False)),
}
"""What is sent in a call."""

FLOODS: dict[str, Callable[[Peer], None]] = {
    "protocol: requests that are refused": _asking,
    "protocol: 20,000 reports of progress": _telling,
    "protocol: 20,000 lines for the log": _logging,
    "protocol: a flood on stdout": _printing,
    "protocol: system calls that are refused": _refused,
}
"""What is allowed, too often."""


def _tool(number: int) -> Offer:
    return Offer(f"t{number}", b"{}")


def main(arguments: list[str]) -> None:
    """Serve one scenario, and then wait to be ended."""
    channel, scenario, name, version = arguments
    peer = Peer(socket.socket(fileno=int(channel)), name, version)
    peer.called()
    if scenario in AT_START:
        AT_START[scenario](peer)
    else:
        peer.greet()
        peer.send(Reply(peer.id, b"null"))
        peer.called()
        {**AFTER, **FLOODS}[scenario](peer)
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1:])
