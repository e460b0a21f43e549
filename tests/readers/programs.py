"""A reader as a child process: what it printed, and what it said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from contextlib import suppress


class Program:
    """Its stdout and stderr are read on threads of their own, line by line."""

    def __init__(self, command, environment):
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self._changed = threading.Condition()
        self.lines, self.said = [], []
        self._readers = [
            threading.Thread(target=self._collect, args=(self._process.stdout, self.lines)),
            threading.Thread(target=self._collect, args=(self._process.stderr, self.said)),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def sequences(self):
        """The numbers of the events that it printed."""
        return [int(json.loads(line)["sequence"]) for line in self.lines]

    @property
    def gaps(self):
        """What it said to be missing."""
        return [line for line in self.said if line.startswith("gap")]

    @property
    def losses(self):
        """How often it said that it is not live."""
        return sum(line.startswith("not live") for line in self.said)

    def wait_for(self, holds, timeout=20.0):
        """Wait until ``holds(program)``; fails with all that was said when it never does."""
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self), timeout):
                raise AssertionError(f"printed {self.lines[-3:]}, said {self.said[-10:]}")

    def wait_for_event(self, seq):
        """Wait until it printed that event."""
        self.wait_for(lambda it: it.lines and it.sequences[-1] >= seq)

    def close(self):
        """End it as a user would, and whatever it leaves behind at once."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for reader in self._readers:
            reader.join(timeout=10)
        self._process.stdout.close()
        self._process.stderr.close()

    def _collect(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()
