"""The naive design: plain pykka threads, everything encoded at each hop, redis-py's pipeline.

Nothing is checked, ordered, bounded or supervised in here; a task is four events. They are kept
only when there is a file for them: then each is a row and a transaction of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec
import pykka
import redis

WAIT = 120.0
GROUP = 100
INSERT = "INSERT INTO events (type, task, agent, data) VALUES (?, ?, ?, ?)"


class Message(msgspec.Struct):
    """What travels, whatever it says."""

    type: str
    id: str
    task: str
    agent: str
    data: dict[str, Any]


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Message).decode


def _turned(message: Message, type: str, data: dict[str, Any] | None = None) -> bytes:
    return encode(Message(type, message.id, message.task, message.agent, data or message.data))


class Bus(pykka.ThreadingActor):
    """Publishes in groups: what waits is drained, up to a hundred at once."""

    def __init__(self, url: str, file: Path | None = None) -> None:
        super().__init__()
        self.rows = None if file is None else _rows(file)
        self.client = redis.Redis.from_url(url)
        self.pipeline = self.client.pipeline(transaction=False)
        self.waiting = 0

    def on_receive(self, data: bytes) -> None:
        message = decode(data)
        if self.rows is not None:
            self.rows.execute(INSERT, (message.type, message.task, message.agent, data))
        self.pipeline.publish(f"naive:{message.type}", data)
        self.waiting += 1
        if self.waiting >= GROUP or self.actor_inbox.empty():
            self.pipeline.execute()
            self.waiting = 0

    def on_stop(self) -> None:
        self.client.close()
        if self.rows is not None:
            self.rows.close()


class Orchestrator(pykka.ThreadingActor):
    """Takes tasks in, and says when they are done."""

    def __init__(self, bus: Any, done: Callable[[Message], None]) -> None:
        super().__init__()
        self.bus = bus
        self.done = done
        self.scheduler: Any = None

    def on_receive(self, data: Any) -> None:
        if not isinstance(data, bytes):
            self.scheduler = data
            return
        message = decode(data)
        if message.type == "submit":
            self.bus.tell(_turned(message, "submitted"))
            self.scheduler.tell(_turned(message, "enqueue"))
        else:
            self.bus.tell(_turned(message, "succeeded"))
            self.done(message)


class Scheduler(pykka.ThreadingActor):
    """Passes every task on to the one agent."""

    def __init__(self, bus: Any, agent: Any) -> None:
        super().__init__()
        self.bus = bus
        self.agent = agent

    def on_receive(self, data: bytes) -> None:
        message = decode(data)
        self.bus.tell(_turned(message, "scheduled"))
        self.agent.tell(_turned(message, "run"))


class Agent(pykka.ThreadingActor):
    """Shouts."""

    def __init__(self, bus: Any, orchestrator: Any) -> None:
        super().__init__()
        self.bus = bus
        self.orchestrator = orchestrator

    def on_receive(self, data: bytes) -> None:
        message = decode(data)
        self.bus.tell(_turned(message, "running"))
        result = {"result": message.data["text"].upper()}
        self.orchestrator.tell(_turned(message, "ended", result))


class Naive:
    """The whole of it, from ``run`` to the results and everything published."""

    def __init__(self, url: str, file: Path | None = None) -> None:
        self.bus = Bus.start(url, file)
        self.orchestrator = Orchestrator.start(self.bus, self._done)
        self.agent = Agent.start(self.bus, self.orchestrator)
        self.scheduler = Scheduler.start(self.bus, self.agent)
        self.orchestrator.tell(self.scheduler)
        self._free = threading.Semaphore(0)
        self._left = 0
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in (self.orchestrator, self.scheduler, self.agent, self.bus):
            actor.stop()

    def run(self, count: int, in_flight: int) -> None:
        """Do ``count`` tasks; returns when all are done and all events published."""
        self._left, self._free = count, threading.Semaphore(in_flight)
        self._over.clear()
        for number in range(count):
            if not self._free.acquire(timeout=WAIT):
                raise TimeoutError(f"the naive design did not go on within {WAIT:g} s")
            body = Message("submit", str(number), f"t-{number}", "shout", {"text": "hello"})
            self.orchestrator.tell(encode(body))
        self._wait()
        self.bus.ask(encode(Message("end", "", "", "", {})))

    def one(self) -> None:
        """Do one task; returns when its result is there."""
        self._left = 1
        self._over.clear()
        body = Message("submit", "1", "t-1", "shout", {"text": "hello"})
        self.orchestrator.tell(encode(body))
        self._wait()

    def _done(self, message: Message) -> None:
        self._free.release()
        self._left -= 1
        if not self._left:
            self._over.set()

    def _wait(self) -> None:
        if not self._over.wait(WAIT):
            raise TimeoutError(f"the naive design did not end within {WAIT:g} s")


def _rows(file: Path) -> sqlite3.Connection:
    """Every statement commits by itself, and a commit does not wait for the disk."""
    rows = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    rows.execute("PRAGMA journal_mode = WAL")
    rows.execute("PRAGMA synchronous = NORMAL")
    rows.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, type, task, agent, data)")
    return rows
