"""The dispatcher: a thread that gives each ready actor its turn, and serves the timers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from .context import here
from .timers import NEVER, Timers

__all__ = ["Dispatcher"]

PATIENCE = 256
"""Turns for which a wake-up of another thread may be put off while there is work here."""


class _Turn(Protocol):
    def turn(self) -> None: ...


class Dispatcher:
    """A run queue and the thread that works it off.

    The thread starts with the first actor and ends with the last. ``blocking`` says that its one
    actor owns the thread and may wait on it.
    """

    def __init__(
        self,
        name: str,
        *,
        monotonic: Callable[[], float],
        timers: Timers | None = None,
        report: Callable[[BaseException], None],
        blocking: bool = False,
        daemon: bool = True,
    ) -> None:
        """``report`` gets what went wrong in the runtime itself; the thread goes on."""
        self.thread_name = name
        self.blocking = blocking
        self.current: Any = None
        self.actors = 0
        self.timers = timers
        self._monotonic = monotonic
        self._report = report
        self._daemon = daemon
        self._lock = threading.Lock()
        self._ready: SimpleQueue[_Turn] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._running = False
        self._later: list[Callable[[], object]] = []
        self._patience = PATIENCE
        self.put = self._ready.put

    def join_in(self) -> None:
        """Count one more actor, and make sure that the thread runs. Any thread."""
        with self._lock:
            self.actors += 1
            self._ensure_thread()

    def leave(self) -> None:
        """Count one actor less; without any the thread ends. Any thread."""
        with self._lock:
            self.actors -= 1
        self.look()

    def nudge(self) -> None:
        """Have the timers looked at. Any thread."""
        with self._lock:
            self._ensure_thread()
        self.look()

    def look(self) -> None:
        """Have the thread, if it runs, see whether it is still needed. Any thread."""
        self.put(_NOTHING)

    def later(self, callback: Callable[[], object]) -> None:
        """Call back before the thread next sleeps, or after some turns. On its own thread only."""
        self._later.append(callback)

    def alive(self) -> bool:
        """True while the thread runs."""
        return any(thread.is_alive() for thread in self._threads)

    def wait(self, timeout: float) -> bool:
        """Wait for the thread's end; False when it still runs. Not to be called on it."""
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(timeout)
        return not self.alive()

    def _ensure_thread(self) -> None:
        if self._running:
            return
        self._running = True
        thread = threading.Thread(target=self._run, name=self.thread_name, daemon=self._daemon)
        self._threads = [t for t in self._threads if t.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        here.runner = self
        while self._serves_on():
            try:
                self._serve()
            except BaseException as error:  # noqa: BLE001 - the thread outlives any one turn
                self._report(error)
                self._put_back()

    def _serves_on(self) -> bool:
        with self._lock:
            self._running = bool(self.actors) or self._timers_pending() or not self._ready.empty()
            return self._running

    def _serve(self) -> None:
        get, timers, monotonic = self._ready.get, self.timers, self._monotonic
        while self.actors or self._timers_pending():
            if self._later:
                self._patience -= 1
                if self._patience <= 0 or self._ready.empty():
                    self._catch_up()
            if timers is None or timers.next == NEVER:
                get().turn()
                continue
            now = monotonic()
            if timers.next <= now:
                timers.fire(now)
                continue
            try:
                ready = get(True, min(timers.next - now, threading.TIMEOUT_MAX))
            except Empty:
                continue
            ready.turn()
        while not self._ready.empty():
            get().turn()
        self._catch_up()

    def _catch_up(self) -> None:
        later, self._later, self._patience = self._later, [], PATIENCE
        for callback in later:
            callback()

    def _put_back(self) -> None:
        # Its turn was broken off, so nobody else makes it ready again for what still waits.
        if self.current is not None:
            self.current.rest()

    def _timers_pending(self) -> bool:
        return self.timers is not None and self.timers.pending() > 0


class _Nothing:
    def turn(self) -> None:
        return None


_NOTHING = _Nothing()
