"""The process of one agent of the operator's own, once the launcher has confined it.

Its argument is the inherited socket. Not meant to be started by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from retinue.bus.errors import InvalidInput, ResultTooLarge
from retinue.plugins.agents import AgentSpec

from .channel import BlockingChannel, Frames
from .failures import describe
from .frames import Answer, Begin, Chunk, Ended, Finish, Load, Ready, Refused, Tell, ToChild
from .remote import RemotePort
from .requests import Requests
from .turns import ChildTurn

__all__ = ["main"]


class Child:
    """Imports the agent when told to, and serves its turns until it is told to finish."""

    def __init__(self, channel: BlockingChannel, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._frames: Frames[ToChild] = Frames(ToChild)
        self._requests = Requests(channel)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="agent")
        self._turns: dict[int, ChildTurn] = {}
        self._kept: set[asyncio.Task[Any]] = set()
        loop.add_reader(channel.fileno(), self._read)

    def serve(self) -> None:
        """Run the loop; what escapes a task of the agent's, such as SystemExit, ends nothing."""
        while True:
            try:
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - asyncio lets SystemExit out
                print(f"{type(error).__name__} got out of a task and was contained")  # noqa: T201

    def _read(self) -> None:
        data = self._channel.receive()
        if not data:  # the kernel is gone, and nothing that is done here matters any more
            os._exit(0)
        for message in self._frames.feed(data):
            self._take(message)

    def _take(self, message: ToChild) -> None:
        if isinstance(message, Answer | Chunk):
            self._requests.take(message)
        elif isinstance(message, Begin):
            self._begin(message)
        elif isinstance(message, Tell):
            if (turn := self._turns.get(message.turn)) is not None:
                turn.tell(message.reason)
        elif isinstance(message, Load):
            self._load(message.reference)
        elif isinstance(message, Finish):
            self._keep(self._finish())

    def _load(self, reference: str) -> None:
        try:
            self._spec = AgentSpec.load(reference)
            self._runner = self._spec.instance()
        except BaseException as error:  # noqa: BLE001 - the module's own code ran
            self._channel.send(Refused(describe(error)))
        else:
            self._channel.send(Ready())

    def _begin(self, begin: Begin) -> None:
        port = RemotePort(begin, self._channel, self._requests)
        turn = ChildTurn(begin, self._spec, self._runner, port)
        self._turns[begin.turn] = turn  # at once: the next frame may tell it to stop
        self._keep(self._run(begin, turn))

    async def _run(self, begin: Begin, turn: ChildTurn) -> None:
        ended = await turn.run(self._pool)
        del self._turns[begin.turn]
        try:
            self._channel.send(ended)
        except InvalidInput as error:
            self._channel.send(Ended(begin.turn, failure=describe(ResultTooLarge(str(error)))))

    async def _finish(self) -> None:
        try:
            stopping = self._runner.stop()
            if inspect.isawaitable(stopping):
                await stopping
        finally:
            sys.stdout.flush()
            os._exit(0)

    def _keep(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)


def main(arguments: list[str]) -> None:
    """Serve until the kernel is gone."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe's buffer would be lost with the process
        sys.stdout.reconfigure(line_buffering=True)
    loop = asyncio.new_event_loop()
    with contextlib.suppress(OSError):  # the kernel is gone
        Child(BlockingChannel(socket.socket(fileno=int(arguments[0]))), loop).serve()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
