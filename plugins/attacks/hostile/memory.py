"""Taking more than its share: memory, threads, descriptors, processes."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from typing import Any

from .calls import raw

__all__ = ["ATTACKS"]

_MIB = 1 << 20


def _heap(_: dict[str, Any]) -> object:
    held: list[bytearray] = [bytearray(64 * _MIB) for _ in range(64)]
    return f"{len(held) * 64} MiB"


def _memfd(_: dict[str, Any]) -> object:
    return raw("memfd_create", b"x", 0)


def _pipes(_: dict[str, Any]) -> object:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _MIB)
    return f"a pipe of 1 MiB, {reading}"


def _descriptors(_: dict[str, Any]) -> object:
    held: list[int] = []
    try:
        while len(held) < 4096:
            held += os.pipe()
    finally:
        for descriptor in held:
            os.close(descriptor)
    return "4096 descriptors"


def _threads(_: dict[str, Any]) -> object:
    over = threading.Event()
    started = []
    threading.stack_size(64 * 1024)
    try:
        for _thread in range(600):
            thread = threading.Thread(target=over.wait, daemon=True)
            thread.start()
            started.append(thread)
    finally:
        over.set()
        threading.stack_size(_MIB)
    return f"{len(started)} threads"


def _shm(_: dict[str, Any]) -> object:
    return raw("shmget", 0, _MIB, 0o1600)


def _queue(_: dict[str, Any]) -> object:
    return raw("msgget", 0, 0o1600)


def _semaphores(_: dict[str, Any]) -> object:
    return raw("semget", 0, 1, 0o1600)


def _posix_queue(_: dict[str, Any]) -> object:
    return raw("mq_open", b"/x", os.O_CREAT | os.O_RDWR, 0o600, None)


def _keys(_: dict[str, Any]) -> object:
    return raw("add_key", b"user", b"mark", b"x", 1, -4)


def _ring(_: dict[str, Any]) -> object:
    return raw("io_uring_setup", 8, bytes(120))


ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "memory: 4 GiB of heap": _heap,
    "memory: a memfd": _memfd,
    "memory: pipes of 1 MiB": _pipes,
    "memory: 4096 descriptors": _descriptors,
    "memory: 600 threads": _threads,
    "memory: System V shared memory": _shm,
    "memory: a System V queue": _queue,
    "memory: System V semaphores": _semaphores,
    "memory: a POSIX queue": _posix_queue,
    "memory: keys in the kernel": _keys,
    "memory: io_uring": _ring,
}
