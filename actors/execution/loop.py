"""An asyncio loop on a thread of its own, which survives what its callbacks raise."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from retinue.bus.clock import Clock, SystemClock

from ..runtime.context import before_rest
from .timekeeping import keep_time

__all__ = ["LoopThread"]

_BATCH = 256
_POOL = 8
_GRACE = 0.5


class LoopThread:
    """Runs ``loop`` until ``stop``.

    asyncio lets ``SystemExit`` and ``KeyboardInterrupt`` out of ``run_forever``, whichever
    task they came from; here the loop goes on, and ``escaped`` is told on the loop's thread.
    Blocking calls (``asyncio.to_thread``) get a pool that ends with the loop.
    """

    def __init__(
        self,
        name: str,
        escaped: Callable[[BaseException], None],
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self._back_in_time = keep_time(self.loop, clock)
        self.name = name
        self._pool = _Pool(_POOL, thread_name_prefix=f"{name}-blocking")
        self.loop.set_default_executor(self._pool)
        self._escaped = escaped
        self._inbox: deque[Callable[[], object]] = deque()
        self._scheduled = False
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    @property
    def ident(self) -> int:
        """The thread's identifier, as ``sys._current_frames`` has it."""
        return self.thread.ident or 0

    @property
    def has_post(self) -> bool:
        """Whether something that was posted has not run yet."""
        return bool(self._inbox)

    @property
    def blocking(self) -> bool:
        """Whether a blocking call of a coroutine is under way in the pool."""
        return bool(self._pool.running)

    @property
    def blocked(self) -> int:
        """How many blocking calls were begun so far."""
        return self._pool.begun

    def post(self, callback: Callable[[], object]) -> bool:
        """Run ``callback`` on the loop's thread, in order. Any thread; False after the end.

        Callbacks that come while the loop is busy share one wake-up of it, which is what
        starting a turn costs most.
        """
        self._inbox.append(callback)
        if self._scheduled:
            return True
        self._scheduled = True
        if self.loop.is_closed():
            return False
        before_rest(self._wake_up)
        return True

    def _wake_up(self) -> None:
        self.wake(self._drain)

    def wake(self, callback: Callable[[], object]) -> bool:
        """Like ``post``, past everything that waits in the inbox, with a wake-up of its own."""
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def stop(self) -> None:
        """Let the loop cancel what lives on it, and end. Any thread; does not wait."""
        self._stopping = True
        self.wake(self.loop.stop)

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended; False when it had not after ``timeout`` seconds."""
        if threading.current_thread() is not self.thread:  # close() from inside an agent
            self.thread.join(max(timeout, 0.0))
        return not self.thread.is_alive()

    def _drain(self) -> None:
        # Lowered first: what is posted from here on either is seen below, or wakes again.
        self._scheduled = False
        inbox = self._inbox
        try:
            for _ in range(min(len(inbox), _BATCH)):
                inbox.popleft()()
        except BaseException as error:  # noqa: BLE001 - what was taken out may be lost: tell
            self._escaped(error)
        if inbox and not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._drain)

    def _run(self) -> None:
        while not self._stopping:
            self._guarded(self.loop.run_forever)
        self._guarded(self._wind_up)
        self._guarded(self.loop.close)

    def _guarded(self, step: Callable[[], object]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - this thread must survive SystemExit
            self._escaped(error)

    def _wind_up(self) -> None:
        self._back_in_time()  # the end has bounds that no clock of a test may stop
        wind_up(self.loop, self._guarded)
        _end_pool(self._pool)


class _Pool(ThreadPoolExecutor):
    """Knows the calls that have not returned."""

    def __init__(self, threads: int, thread_name_prefix: str) -> None:
        super().__init__(threads, thread_name_prefix)
        self.running: set[Future[Any]] = set()
        self.begun = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """As in the parent."""
        self.begun += 1
        future = super().submit(*args, **kwargs)
        self.running.add(future)  # before the callback, which may come at once
        future.add_done_callback(self.running.discard)
        return future


def wind_up(
    loop: asyncio.AbstractEventLoop, guarded: Callable[[Callable[[], object]], None]
) -> None:
    """Cancel what is left on ``loop``, and what that starts meanwhile, for a bounded time.

    asyncio's own ``Runner.close`` waits for ever for a task that swallows its cancellation.
    ``guarded`` calls a step and sees to what it raises.
    """
    deadline = time.monotonic() + _GRACE
    while (tasks := asyncio.all_tasks(loop)) and time.monotonic() < deadline:
        for task in tasks:
            task.cancel()
        _until(loop, guarded, asyncio.wait(tasks, timeout=deadline - time.monotonic()))
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    _until(loop, guarded, _close_generators(loop))


def _until(
    loop: asyncio.AbstractEventLoop,
    guarded: Callable[[Callable[[], object]], None],
    coroutine: Coroutine[Any, Any, Any],
) -> None:
    guarded(lambda: loop.run_until_complete(coroutine))
    coroutine.close()


async def _close_generators(loop: asyncio.AbstractEventLoop) -> None:
    async with asyncio.timeout(_GRACE):
        await loop.shutdown_asyncgens()


def _end_pool(pool: ThreadPoolExecutor) -> None:
    """Wait for the pool's threads, but no longer than the grace: one may block for ever."""
    waiter = threading.Thread(
        target=lambda: pool.shutdown(cancel_futures=True), name="pool-end", daemon=True
    )
    waiter.start()
    waiter.join(_GRACE)
