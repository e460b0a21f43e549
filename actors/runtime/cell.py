"""The cell: one actor's turn on its thread, a bounded batch of messages at a time."""

from __future__ import annotations

from types import CoroutineType
from typing import Any

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from .entries import Kill, Order, Pause, Request, Start, Stop
from .errors import for_asker
from .future import ERROR, VALUE
from .life import Life
from .mailbox import NOTHING
from .statistics import ActorStatistics

__all__ = ["Cell"]

# Messages in one turn: enough to pay for the turn, few enough that neighbours wait microseconds.
BATCH = tuple(range(64))
ORDERS = frozenset({Start, Stop, Pause, Kill})
PROXY = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr})
SPECIAL = ORDERS | PROXY | {Request, type(NOTHING)}


class Cell(Life):
    """Runs one message at a time, also while a handler is suspended. See ``turn``.

    A handler that returns the future of its own request replies later, by settling it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        waiting = self.count()
        return f"<{self.name} {self.doing()}, {waiting} queued>"

    def turn(self) -> None:
        """Handle a batch; called by the runner, on its thread, whenever the cell was made ready.

        Called once too often it does nothing. ``scheduled`` goes down before the lanes are looked
        at for the last time, so that no sender's message is left behind.
        """
        self.runner.current = self
        if (self.coro is not None or self.killed) and not self._go_on():
            return
        queue, plain, clock = self.queue, self.sizes is None, self.system.monotonic
        now = started = clock()
        for _ in BATCH:
            if self.urgent:
                entry = self.urgent.popleft()
            elif not queue:
                break
            else:
                entry = queue.popleft() if plain else self.take()
            self.entry = entry
            self.since = now
            if entry.__class__ in SPECIAL:
                going = self._special(entry)
            else:
                # The inlined twin of ``_receive``: two calls less make ``tell`` a third faster.
                try:
                    result = self.actor.on_receive(entry)
                except BaseException as error:  # noqa: BLE001 - contained whatever it is
                    going = self._fail(entry, error)
                else:
                    if result.__class__ is CoroutineType:
                        going = self._drive(entry, result)
                    else:
                        self.handled += 1
                        going = True
            now = clock()
            if not going:
                self.busy += now - started
                return
        self.entry = NOTHING
        self.busy += now - started
        self.rest()

    def doing(self) -> str:
        """The state, with a running actor's detail, for people."""
        if self.state != "running" or self.entry is NOTHING:
            return self.state
        return f"{'awaiting' if self.waiting is not None else 'handling'} {self._current()}"

    def statistics(self) -> ActorStatistics:
        """The record of this moment; any thread."""
        entry = self.entry
        active = entry is not NOTHING and not isinstance(entry, Order)
        waiting = self.count()
        return ActorStatistics(
            name=self.name,
            state=self.state,
            sent=self.sent,
            mailbox_count=waiting,
            mailbox_bytes=self.bytes_waiting(),
            pending=waiting + active,
            handled=self.handled,
            failed=self.failed,
            dead_lettered=self.dead_lettered,
            dropped=self.dropped,
            rejected=self.rejected,
            restarts=self.restarts,
            busy_seconds=self.busy,
            current=self._current() if active else None,
            current_since=self.since if active else None,
        )

    def _special(self, entry: Any) -> bool:
        kind = entry.__class__
        if kind is Request:
            return self._receive(entry, entry.message)
        if kind in PROXY:
            return self._receive(entry, entry)
        return entry is NOTHING or self._order(entry)

    def _receive(self, entry: Any, message: Any) -> bool:
        actor = self.actor
        try:
            proxied = message.__class__ in PROXY
            result = actor.handle_proxy(message) if proxied else actor.on_receive(message)
        except BaseException as error:  # noqa: BLE001 - contained whatever it is
            return self._fail(entry, error)
        if result.__class__ is CoroutineType:
            return self._drive(entry, result)
        self.entry = NOTHING
        self.handled += 1
        if entry.__class__ is Request and result is not entry.future:
            entry.future.settle(VALUE, result)
        return True

    def _order(self, order: Order) -> bool:
        if order.queued:
            with self.lock:
                self.orders -= 1
        if isinstance(order, Start):
            return self._drive(order, self.start(order))
        if isinstance(order, Stop):
            return self._drive(order, self.stop(order))
        if isinstance(order, Pause):
            return order.future.settled or self._drive(order, self.pause(order))
        self._abort()
        self.confirm(order)
        return False

    def _go_on(self) -> bool:
        if self.killed:
            self._abort()
            return False
        waiting = self.waiting
        if waiting is None or not waiting.settled:
            return False
        return self._drive(self.entry, self.coro)

    def _drive(self, entry: Any, coro: Any) -> bool:
        self.coro = coro
        try:
            awaited = coro.send(None)
            while awaited is None or awaited is not self.waiting:
                awaited = coro.throw(_not_ours(self.name, awaited))
        except StopIteration as stop:
            self.coro = None
            return self._complete(entry, stop.value)
        except BaseException as error:  # noqa: BLE001 - contained whatever it is
            self.coro = None
            return self._fail(entry, error)
        return False

    def _complete(self, entry: Any, value: Any) -> bool:
        kind = entry.__class__
        if kind in ORDERS or entry is NOTHING:
            self.entry = NOTHING
            return self.state == "running"
        self.handled += 1
        self.entry = NOTHING
        if kind is Request and value is not entry.future:
            entry.future.settle(VALUE, value)
        return True

    def _fail(self, entry: Any, error: BaseException) -> bool:
        self.entry = NOTHING
        if entry is NOTHING or isinstance(entry, Order):
            self.system.report(self.ref, error, NOTHING)
            self.end("the runtime failed", error)
            return False
        self.failed += 1
        message = entry
        if isinstance(entry, Request):
            message = entry.message
            entry.future.settle(ERROR, for_asker(error, self.name))
        return self._drive(NOTHING, self.recover(error, message))

    def _abort(self) -> None:
        if self.state == "stopped":
            return
        entry, coro, self.coro = self.entry, self.coro, None
        self.killed = True
        if coro is not None:
            self._break_off(coro)
        self.entry = NOTHING
        self.end("killed", None)
        if entry is not NOTHING:
            self.give_up(entry, "killed while it was handled")
        self.system.rest()

    def _break_off(self, coro: Any) -> None:
        try:
            coro.close()
        except BaseException as error:  # noqa: BLE001 - a handler that fights its end
            self.system.report(self.ref, error, NOTHING)

    def _current(self) -> str:
        entry = self.entry
        message = entry.message if isinstance(entry, Request) else entry
        return type(message).__name__


def _not_ours(name: str, awaited: Any) -> TypeError:
    return TypeError(
        f"{name} awaited {type(awaited).__name__}, which needs an asyncio loop; an actor awaits "
        "replies (`ref.ask(…, block=False)`) and `system.sleep`; run other coroutines elsewhere"
    )
