"""The child process of a local model: llama.cpp's server, alone in a process of its own.

Run by path with ``python -I``; it must import nothing of Retinue. It reads one line of JSON
on its standard input, says ``ready ADDRESS`` on its standard output, and leaves when its
standard input ends, which the death of its parent brings about whatever the parent died of.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
import threading
from typing import Any

_ORPHAN_CHECK = 1.0  # seconds; for a pipe that a forked sibling of ours still holds open


def main() -> None:
    """Load, listen, announce, wait for the end of the parent."""
    parent = os.getppid()
    announce = os.dup(1)
    os.dup2(2, 1)  # whatever prints, prints to the log
    settings = json.loads(_line())
    watch = threading.Thread(target=_leave_with, args=(parent, settings["folder"]), daemon=True)
    watch.start()
    try:
        server = _serve(settings)
    except Exception as error:  # noqa: BLE001 - whatever it is, the log has to name it
        sys.exit(f"{type(error).__name__}: {error}")
    os.write(announce, f"ready {server.listening_address}\n".encode())
    os.close(announce)
    watch.join()


def _line() -> bytes:
    """Unbuffered: what follows the line must stay in the pipe for ``select``."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        line += byte
    return line


def _serve(settings: dict[str, Any]) -> Any:
    sys.path.append(settings["site"])
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["weights"]
    params.model_alias = {settings["name"]}
    params.hostnames = [settings["host"]]
    params.port = settings["port"]
    params.api_keys = settings["api_keys"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"] * settings["slots"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams.poll = 0  # waiting threads sleep: a spinning one starves its neighbours
    params.verbosity = 1  # errors
    params.cache_ram_mib = 0
    params.cors_origins = "null"
    params.ui = False
    params.warmup = False
    return xllamacpp.Server(params)


def _leave_with(parent: int, folder: str) -> None:
    while True:
        ended, _, _ = select.select([0], [], [], _ORPHAN_CHECK)
        if ended or os.getppid() != parent:
            break
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # llama.cpp's own tear-down waits for the answer it is writing


if __name__ == "__main__":
    main()
