"""Certificates made on the spot, and TLS in front of a server that speaks none itself."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading

from .servers import free_port

_SAN = "subjectAltName=IP:127.0.0.1"


class Certificates:
    """An authority that signed ``server`` (127.0.0.1) and ``client``; another signed ``stranger``."""

    def __init__(self, folder):
        self.folder = folder
        self._authority("ca")
        self._authority("other")
        for name, signed_by in (("server", "ca"), ("client", "ca"), ("stranger", "other")):
            self._signed(name, signed_by)

    def path(self, name):
        return str(self.folder / name)

    def _authority(self, name):
        self._openssl(
            *f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}".split(),
            "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", f"{name}.key", "-out", f"{name}.crt",
        )  # fmt: skip

    def _signed(self, name, authority):
        self._openssl(
            *f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}".split(),
            "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-addext", _SAN,
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", f"{name}.key", "-out", f"{name}.crt",
        )  # fmt: skip

    def _openssl(self, *arguments):
        said = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stderr


class Front:
    """Takes TLS connections on ``port``, from who shows a certificate, and passes them on."""

    def __init__(self, to, certificates):
        self.port = free_port()
        self._to = to
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(
            certificates.path("server.crt"), certificates.path("server.key")
        )
        self._context.load_verify_locations(certificates.path("ca.crt"))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
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
        server = await asyncio.start_server(
            self._pass_on, "127.0.0.1", self.port, ssl=self._context
        )
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _pass_on(self, reader, writer):
        back, there = await asyncio.open_connection("127.0.0.1", self._to)
        copies = [asyncio.create_task(c) for c in (_copy(reader, there), _copy(back, writer))]
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for task in copies:
            task.cancel()
        for end in (writer, there):
            end.transport.abort()


async def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
