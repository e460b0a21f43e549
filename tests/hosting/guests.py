"""A plugin whose tools do what plugins do, well and badly. Runs behind the walls."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import decimal
import gc
import hashlib
import lzma
import mmap
import os
import platform
import re
import resource
import secrets
import shutil
import signal
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from retinue.plugins import ToolContext, tool


@tool
def echo(value: str) -> str:
    return value


@tool
def crash() -> None:
    os._exit(3)


@tool
async def wait(ctx: ToolContext) -> None:
    await asyncio.Event().wait()


@tool
def stream(ctx: ToolContext, count: int) -> int:
    for number in range(count):
        ctx.stream(number)
        ctx.progress(number + 1, count)
    return count


@tool
def big(size: int) -> str:
    return "x" * size


@tool
def shared(size: int) -> int:
    """Hold memory that is nobody's heap."""
    with mmap.mmap(-1, size) as memory:
        for page in range(0, size, mmap.PAGESIZE):
            memory[page] = 1
    return size


@tool
def family(count: int, size: int) -> int:
    """Have children who hold so much each."""
    reading, writing = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            held = b"x" * size
            os.write(writing, held[:1])
            while True:
                signal.pause()
    return sum(len(os.read(reading, 1)) for _ in range(count))


@tool
def length(value: str) -> int:
    return len(value)


@tool
def raising(kind: str) -> None:
    raise type(kind, (Exception,), {})("forged")


@tool
def leave_a_thread_spinning() -> None:
    threading.Thread(target=hang_in_a_thread.function, daemon=True).start()


@tool
def hang_in_a_thread() -> None:
    while True:
        pass


@tool
async def hang_on_the_loop() -> None:
    while True:
        pass


@tool
def hang_in_c() -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


@tool
async def hang_through_cancels() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


@tool
def hang_with_signals_blocked() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    while True:
        time.sleep(3600)


@tool
def hang_in_a_system_call() -> None:
    reading, _writing = os.pipe()
    os.read(reading, 1)


@tool
def hang_flooding() -> None:
    while True:
        print("x" * 4000, flush=True)


@tool
def asyncio_has_tls() -> bool:
    return asyncio.sslproto.ssl is not None


@tool
def daemons(count: int) -> int:
    reading, writing = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(writing, b"x")
                while True:
                    signal.pause()
            os._exit(0)
    return sum(len(os.read(reading, 1)) for _ in range(count))


@tool
def program(words: list[str]) -> str:
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout


@tool
def fork_bomb() -> int:
    made = 0
    while made < 1000:
        try:
            if os.fork() == 0:
                while True:
                    signal.pause()
        except OSError:
            break
        made += 1
    return made


@tool
def neighbours() -> list[str]:
    return [path.name for path in Path("/proc").iterdir()]


@tool
def signalled(pids: list[int]) -> list[int]:
    reached = []
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            reached.append(pid)
    return reached


@tool
def honest() -> list[str]:
    """What honest code does with the standard library."""
    done = []
    for name, work in HONEST.items():
        work()
        done.append(name)
    return done


def _sqlite() -> None:
    with contextlib.closing(sqlite3.connect("/tmp/honest.db")) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("CREATE TABLE t (x)")
        base.commit()


def _threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(abs, range(10))) == 45


def _temporary() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as file:
        path = Path(folder, "a")
        path.write_text("x")
        path.rename(Path(folder, "b"))
        shutil.copyfile(Path(folder, "b"), path)
        file.write(b"x")
        os.fsync(file.fileno())


def _mapped() -> None:
    with mmap.mmap(-1, 1 << 20) as shared:
        shared[:4] = b"page"


HONEST = {
    "asyncio": lambda: asyncio.run(asyncio.sleep(0)),
    "threads": _threads,
    "sqlite": _sqlite,
    "temporary files": _temporary,
    "memory maps": _mapped,
    "ssl": ssl.create_default_context,
    "uuid": uuid.uuid4,
    "platform": lambda: (os.cpu_count(), platform.machine(), os.times(), resource.getrusage(0)),
    "time": lambda: (datetime.now(ZoneInfo("Europe/Vienna")), time.monotonic()),
    "random": lambda: (os.urandom(8), secrets.token_hex()),
    "compression": lambda: lzma.compress(zlib.compress(b"x" * 4096)),
    "garbage": gc.collect,
    "hashes": lambda: hashlib.scrypt(b"x", salt=b"y", n=1024, r=8, p=1),
    "decimals": lambda: decimal.Decimal(2).sqrt(),
    "ctypes": lambda: ctypes.CDLL(None).getpid(),
    "terminal": lambda: (os.isatty(0), shutil.get_terminal_size()),
}


@tool
def rewrite(folder: str) -> list[str]:
    """Read, change, make and rename files in a granted folder."""
    before = Path(folder, "mine").read_text()
    Path(folder, "mine").write_text("new")
    Path(folder, "made").write_text("made")
    Path(folder, "made").rename(Path(folder, "renamed"))
    return [before, *sorted(path.name for path in Path(folder).iterdir())]


@tool
def read(path: str) -> str:
    return Path(path).read_text()
