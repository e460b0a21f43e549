"""``kernel.journal``: how much is kept, who needs it, and letting go of the rest."""

from __future__ import annotations

from typing import cast

import msgspec

from retinue.actors.keeping import Trimmed
from retinue.actors.retention import Trim
from retinue.bus.errors import InvalidInput, NotFound, Unavailable
from retinue.bus.journal.retention import Cuttable, Pages
from retinue.bus.messages import SecurityDenied
from retinue.bus.views import JournalView

from .retaining import can_be_cut
from .tree import Tree

__all__ = ["Journal", "journal_view"]

GLANCE = 1.0  # seconds
TRIM_TIMEOUT = 600.0
MAX_NAME = 63


class Journal:
    """A running kernel's journal, for who looks after it. Any thread may use it."""

    def __init__(self, tree: Tree) -> None:
        """Made by ``Kernel``."""
        self._tree = tree
        self._glance: tuple[float, JournalView] | None = None

    def glance(self) -> JournalView:
        """The same as ``view``, but its sizes are those of up to a second ago."""
        store, known = self._tree.store, self._glance
        if known is None or self.is_stale():
            known = self._glance = (self._tree.clock.monotonic(), self.view())
        kept = self._tree.retention
        return msgspec.structs.replace(
            known[1],
            first=store.first,
            last=store.last,
            held_by=kept.last.held_by,
            trouble=kept.trouble,
        )

    def is_stale(self) -> bool:
        """Whether the next ``glance`` reads the file."""
        known = self._glance
        return known is None or self._tree.clock.monotonic() > known[0] + GLANCE

    def view(self) -> JournalView:
        """What is kept, how large it is, and what bounds it."""
        return journal_view(self._tree)

    def note_denied(self, denied: SecurityDenied) -> None:
        """Write down that a request from outside was refused; without waiting for the commit."""
        self._tree.say(denied)

    def trim(self, timeout: float = TRIM_TIMEOUT) -> Trimmed:
        """Let go now of what is over the bounds, as is done every ``journal.trim_every`` seconds.

        Raises ``InvalidInput`` without a bound, ``Unavailable`` for a journal in memory, which bounds
        itself, and ``JournalError``.
        """
        self._store()
        config = self._tree.config.journal
        if not (config.max_age or config.max_events or config.max_bytes):
            raise InvalidInput(
                "the journal has no bound: set journal.max_age, journal.max_events or "
                "journal.max_bytes, and start the kernel again"
            )
        keeper = self._tree.system.find("retention")
        if keeper is None:
            raise Unavailable("the kernel's retention is not running: see its log")
        trimmed: Trimmed = keeper.ask(Trim(), timeout=timeout)
        self._glance = None
        return trimmed

    def readers(self) -> dict[str, int]:
        """The registered readers, each with the last ``seq`` that it has."""
        store = self._tree.store
        return cast("Cuttable", store).readers() if can_be_cut(store) else {}

    def register(self, reader: str, seq: int) -> None:
        """A reader has everything up to ``seq``: what follows is kept for it, over restarts too.

        To move on it registers again. Raises ``InvalidInput``, and ``Unavailable`` in memory.
        """
        store = self._store()
        if not reader or len(reader) > MAX_NAME or not reader.isprintable():
            raise InvalidInput(f"a reader's name has 1 to {MAX_NAME} printable characters")
        if not 0 <= seq <= store.last:
            raise InvalidInput(
                f"reader {reader!r} cannot have event {seq}: the newest is {store.last}"
            )
        store.register_reader(reader, seq)
        self._glance = None

    def forget(self, reader: str) -> None:
        """The reader needs nothing more; raises ``NotFound``."""
        store = self._store()
        if reader not in store.readers():
            raise NotFound(f"no reader {reader!r}: see `retinue journal readers list`")
        store.forget_reader(reader)
        self._glance = None

    def _store(self) -> Cuttable:
        if not can_be_cut(self._tree.store):
            raise Unavailable(
                "the journal is in memory and bounds itself (limits.journal_events): give the kernel "
                "a state folder"
            )
        return cast("Cuttable", self._tree.store)


def journal_view(tree: Tree) -> JournalView:
    """The journal at a glance."""
    config, store, last = tree.config.journal, tree.store, tree.retention.last
    cuttable = can_be_cut(store)
    pages = cast("Cuttable", store).pages() if cuttable else Pages(0, 0, 0)
    return JournalView(
        "file" if cuttable else "memory",
        store.first,
        store.last,
        pages.total * pages.size,
        pages.free * pages.size,
        config.max_age if cuttable else 0.0,
        config.max_events if cuttable else tree.config.limits.journal_events,
        config.max_bytes if cuttable else 0,
        last.held_by,
        cast("Cuttable", store).readers() if cuttable else {},
        tree.retention.trouble,
    )
