"""The process that outlives a killed kernel, for as long as it takes to end what plugins started."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from retinue.bus.errors import PluginError

__all__ = ["Keeper"]

_SCRIPT = Path(__file__).resolve().with_name("keeper.py")
_WATCHING = b"K"
_PAUSE = 1.0
"""Seconds before the next is started where one did not even begin."""


class Keeper:
    """Linux kills a plugin with its kernel, and not what the plugin has forked: this does.

    It holds a pidfd of this process. A pipe would not do: a child of this program that was forked
    meanwhile would hold its other end open. One that is killed is replaced at once. Any thread.
    """

    def __init__(self, folder: Path) -> None:
        """Start it for the cgroup in ``folder``. Raises ``OSError``."""
        self._folder = folder
        self._lock = Lock()
        self._closed = Event()
        self._known = Event()
        self._watches = False
        self._said = "it said nothing in time"
        self._kernel = os.pidfd_open(os.getpid())
        try:
            self._process = self._start()
        except OSError:
            os.close(self._kernel)
            raise
        self._thread = Thread(target=self._look_after, name="retinue-keeper", daemon=True)
        self._thread.start()

    def ready(self, seconds: float) -> None:
        """Wait until it keeps watch. Raises ``PluginError`` when that takes longer."""
        self._known.wait(max(0.0, seconds))
        if not self._watches:
            raise PluginError(
                "what plugins start could outlive a kernel that is killed: the process that sees to "
                f"that does not run: {self._said}"
            )

    def close(self) -> None:
        """End it, once there is nothing left to watch over. Safe to repeat."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._process.kill()
        self._thread.join()
        os.close(self._kernel)

    def _look_after(self) -> None:
        """On the thread: learn that it watches, wait for its end, and start another."""
        process = self._process
        while True:
            self._watches = begun = self._begun(process)
            self._known.set()
            process.wait()
            if begun:
                self._known.clear()
                self._watches = False
            if self._closed.wait(0.0 if begun else _PAUSE):
                return
            with self._lock, suppress(OSError):  # no room for a process: again, after a pause
                if self._closed.is_set():
                    return
                self._process = process = self._start()

    def _begun(self, process: subprocess.Popen[bytes]) -> bool:
        pipe = process.stdout
        if pipe is None or pipe.closed:
            return False
        with pipe:
            if (said := pipe.read(1)) == _WATCHING:
                return True
            lines = (said + pipe.read()).decode(errors="replace").splitlines()
        self._said = lines[-1] if lines else "it ended at once"
        return False

    def _start(self) -> subprocess.Popen[bytes]:
        python = str(Path(sys.executable).resolve())
        return subprocess.Popen(
            [python, "-I", "-S", "-B", str(_SCRIPT), str(self._kernel), str(self._folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[self._kernel],
            env={},
            cwd="/",
            start_new_session=True,
        )
