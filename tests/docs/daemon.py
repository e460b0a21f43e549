"""A daemon for the console examples of a page."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from .examples import fits


class Daemon:
    """Started by a page's ``console daemon`` block; ended, if it still runs, with the page."""

    def __init__(self, command: str, folder: Path, environment: Mapping[str, str]) -> None:
        """``command`` is what a reader would type."""
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._log: list[str] = []
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def is_ready(self, expected: str) -> bool:
        """Whether its first line is the expected one; waits for that line."""
        return fits(expected, self._process.stdout.readline())

    def log(self) -> str:
        """What it said on stderr so far."""
        return "".join(self._log)

    def close(self) -> None:
        """Stop it, and wait for its end."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=20)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(timeout=10)
            self._reader.join(timeout=10)
            self._process.stdout.close()
            self._process.stderr.close()

    def _read_log(self) -> None:
        self._log.extend(self._process.stderr)
