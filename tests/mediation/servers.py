"""A server of raw bytes on a thread of its own: it says exactly what the test wants said."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Server:
    def __init__(self, answers, tls=None):
        self.answers = answers
        self.heads = []
        self.bodies = []
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._tls = tls
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def close(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self):
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self):
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _answer(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            length = next(
                (
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.startswith("content-length")
                ),
                0,
            )
            self.bodies.append(await reader.readexactly(length))
            path = head.split(" ")[1].partition("?")[0]
            answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            if callable(answer):
                await answer(reader, writer, head)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()


def ok(body=b"", *headers, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def moved(to, status="302 Found"):
    return ok(b"", f"location: {to}", status=status)
