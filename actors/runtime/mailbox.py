"""The mailbox: what it may hold, what happens at its bound, and the lanes themselves."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Literal

import msgspec

from retinue.bus.errors import InvalidInput, MailboxFull

from .context import here
from .entries import Order, Request

__all__ = ["NOTHING", "Inbox", "Mailbox", "Overflow", "size_of"]

Overflow = Literal["reject", "drop_oldest", "block"]

# Below this distance from its bound a mailbox admits without a lock. Threads that pass the check
# at the same moment may overshoot by one message each, so up to this many of them stay in bounds.
GUARD = 64


class _Nothing:
    __slots__ = ()


# Stands for no entry; None is a message like any other.
NOTHING = _Nothing()


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """How much a mailbox may hold, and what happens to the message that does not fit.

    ``capacity`` counts messages. ``max_bytes`` counts what messages tell of themselves (``bytes``
    by their length, an envelope by its ``body``, anything with ``nbytes`` by that; others are 0).
    ``overflow``: ``reject`` raises ``MailboxFull`` in the sender; ``drop_oldest`` turns the oldest
    into a dead letter; ``block`` makes a host's thread wait, up to ``block_timeout`` seconds, and
    is ``reject`` to actors, which must not wait. Control messages are exempt.
    """

    capacity: int = 1_000_000
    max_bytes: int | None = None
    overflow: Overflow = "reject"
    block_timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise InvalidInput(f"mailbox capacity {self.capacity} holds nothing; give at least 1")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise InvalidInput(f"mailbox max_bytes {self.max_bytes} holds nothing; give at least 1")
        if self.overflow not in {"reject", "drop_oldest", "block"}:
            raise InvalidInput(
                f"mailbox overflow {self.overflow!r} is unknown; use reject, drop_oldest or block"
            )


class Inbox:
    """Two lanes of entries: control, and first in, first out. Any thread puts, one takes."""

    __slots__ = (
        "closed", "dropped", "lock", "nbytes", "orders", "queue", "rejected", "room", "sent",
        "sizes", "space", "spec", "urgent",
    )  # fmt: skip

    def __init__(self, spec: Mailbox) -> None:
        """Open, and empty."""
        self.spec = spec
        self.queue: deque[Any] = deque()
        self.urgent: deque[Any] | None = None
        self.lock = threading.Lock()
        self.closed = False
        self.orders = 0
        self.nbytes = 0
        # Counted by the senders, without a lock: between the load and the store of ``sent += 1`` the
        # interpreter lets no other thread run. It does where a call stands in between.
        self.sent = 0
        self.dropped = 0
        self.rejected = 0
        self.sizes: deque[int] | None = None
        self.space: threading.Condition | None = None
        # The count up to which senders may append to ``queue`` on their own; 0 sends all to admit.
        self.room = spec.capacity - GUARD
        if spec.max_bytes is not None or spec.overflow != "reject":
            self.room = 0
            self.sizes = deque()
            if spec.overflow == "block":
                self.space = threading.Condition(self.lock)

    def admit(self, entry: Any, *, control: bool, name: str) -> list[Any] | None:
        """Take ``entry`` in, and return what had to leave for it; None when closed.

        Raises ``MailboxFull``.
        """
        with self.lock:
            if self._is_closed():
                return None
            if control or isinstance(entry, Order):
                self._overtake(entry, control=control)
                return []
            size = 0 if self.sizes is None else size_of(entry)
            displaced = [] if self._fits(size) else self._make_room(size, name)
            if self._is_closed():
                return None
            self.sent += 1
            self._append(entry, size)
        return displaced

    def take(self) -> Any:
        """The oldest entry of a mailbox with a byte count or waiting senders; ``NOTHING`` if empty."""
        with self.lock:
            return self._pop() if self.queue else NOTHING

    def close(self) -> None:
        """Admit nothing from now on; senders that wait for room are told."""
        with self.lock:
            self.closed = True
            self.room = 0
            if self.space is not None:
                self.space.notify_all()

    def drain(self) -> Any:
        """The next entry of a closed mailbox, control lane first; ``NOTHING`` when it is empty."""
        with self.lock:
            if self.urgent:
                return self.urgent.popleft()
            return self._pop() if self.queue else NOTHING

    def empty(self) -> bool:
        """Whether nothing waits; an actor that works in groups ends its group then."""
        return not self.queue and not self.urgent

    def count(self) -> int:
        """How many messages wait, in both lanes."""
        urgent = self.urgent.copy() if self.urgent else ()
        in_control = sum(not isinstance(entry, Order) for entry in urgent)
        return max(0, len(self.queue) - self.orders) + in_control

    def bytes_waiting(self) -> int:
        """The size of what waits in the normal lane, as far as messages tell it."""
        if self.sizes is not None:
            return self.nbytes
        return sum(size_of(entry) for entry in self.queue.copy())

    def _is_closed(self) -> bool:
        return self.closed

    def _overtake(self, entry: Any, *, control: bool) -> None:
        if control:
            if self.urgent is None:
                self.urgent = deque()
            if not isinstance(entry, Order):
                self.sent += 1
            self.urgent.append(entry)
        else:
            entry.queued = True
            self.orders += 1
            self._append(entry, 0)

    def _append(self, entry: Any, size: int) -> None:
        if self.sizes is not None:
            self.sizes.append(size)
            self.nbytes += size
        self.queue.append(entry)

    def _pop(self) -> Any:
        entry = self.queue.popleft()
        if self.sizes is not None:
            self.nbytes -= self.sizes.popleft()
            if self.space is not None:
                self.space.notify()
        return entry

    def _fits(self, size: int) -> bool:
        limit = self.spec.max_bytes
        fits_bytes = limit is None or self.nbytes + size <= limit
        return fits_bytes and len(self.queue) - self.orders < self.spec.capacity

    def _make_room(self, size: int, name: str) -> list[Any]:
        limit = self.spec.max_bytes
        if limit is not None and size > limit:
            raise self._full(name, f"the message alone has {size} bytes")
        if self.spec.overflow == "drop_oldest":
            return self._drop_oldest(size)
        if self.space is not None and here.runner is None:
            fits = self.space.wait_for(
                lambda: self.closed or self._fits(size), self.spec.block_timeout
            )
            if fits:
                return []
            raise self._full(name, f"no room within {self.spec.block_timeout:g} s")
        raise self._full(name, "overflow is reject for this sender")

    def _drop_oldest(self, size: int) -> list[Any]:
        displaced: list[Any] = []
        orders: list[Order] = []
        while not self._fits(size):
            entry = self._pop()
            (orders if isinstance(entry, Order) else displaced).append(entry)
        for order in reversed(orders):
            self._put_back(order)
        self.dropped += len(displaced)
        return displaced

    def _put_back(self, order: Order) -> None:
        self.queue.appendleft(order)
        if self.sizes is not None:
            self.sizes.appendleft(0)

    def _full(self, name: str, why: str) -> MailboxFull:
        self.rejected += 1
        limit = self.spec.max_bytes
        bound = f"{self.count()} of {self.spec.capacity} messages"
        if limit is not None:
            bound += f", {self.nbytes} of {limit} bytes"
        return MailboxFull(
            f"mailbox of {name} is full ({bound}; {why}): send less, or give it a larger Mailbox"
        )


def size_of(entry: Any) -> int:
    """The bytes an entry's message tells of itself, else 0."""
    message = entry.message if isinstance(entry, Request) else entry
    if isinstance(message, (bytes, bytearray)):
        return len(message)
    body = getattr(message, "body", None)
    if isinstance(body, bytes):
        return len(body)
    told = getattr(message, "nbytes", 0)
    return told if isinstance(told, int) else 0
