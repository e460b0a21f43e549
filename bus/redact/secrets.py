"""The registry of secret values. What it gives away of one is its name."""

from __future__ import annotations

import re
import sys
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from retinue.bus.errors import InvalidInput

from .escapes import meanings
from .forms import LEAST, Form, forms_of, streamed_forms

__all__ = ["Held", "Secret", "Secrets", "StreamIndex"]

Held = Iterable[tuple[str, str | bytes]]
"""Names and values."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,63}\Z")
_SPECIAL = re.compile(rb"[\x00-\x1f\x7f\"\\]")
_LINGER = 1_024
"""Values that are still looked for after they were forgotten: late messages may hold them."""


class Secret(msgspec.Struct, eq=False):
    """One value. ``shown`` stands in its place; ``holders`` counts who registered it."""

    value: bytes
    shown: bytes
    forms: tuple[Form, ...]
    holders: int = 1

    def __repr__(self) -> str:
        """Without the value: this may land in a traceback."""
        return f"<Secret {self.shown.decode()}>"


class StreamIndex(msgspec.Struct, frozen=True):
    """Forms by their first four bytes, and the beginnings that are shorter than that."""

    forms: dict[bytes, tuple[bytes, ...]]
    heads: frozenset[bytes]


class Secrets:
    """Values that must not be written down. Any thread may use it; readers take no lock.

    A search looks only at every fourth or eighth byte: whoever stands in a text with 7 (15) bytes
    covers a whole aligned block of 4 (8) there, so each form is entered under the blocks that it
    can show at the possible alignments. What finds a block is then compared in full.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._known: dict[bytes, Secret] = {}
        self._lingering: OrderedDict[bytes, None] = OrderedDict()
        self._quads: dict[int, tuple[Secret, ...]] = {}
        self._octets: dict[int, tuple[Secret, ...]] = {}
        self._short = 0
        self._tiny = 0
        self._special = 0
        self._version = 0
        self._index: tuple[int, StreamIndex] | None = None
        self.any = False
        """Whether there are any; nothing has to be searched otherwise."""

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._known)}>"

    def register(self, value: str | bytes, name: str = "") -> None:
        """Have the value replaced by ``[secret:NAME]`` from now on; counted when done repeatedly.

        White space around it is no part of it. Raises ``InvalidInput`` for fewer than 6 characters,
        which would be found in places that have nothing to do with it, and for an odd name.
        """
        if name and not _NAME.match(name):
            raise InvalidInput(
                f"secret name of {len(name)} characters: it takes 1 to 64 letters, digits, "
                "'_', '-', '.' and spaces, and is never the secret itself"
            )
        bare = value.strip()
        if len(bare) < LEAST:
            raise InvalidInput(
                f"secret {name or 'without a name'!r} has {len(bare)} characters: fewer than "
                f"{LEAST} cannot be told apart from other text; use a longer one"
            )
        data = bare.encode("utf-8", "surrogatepass") if isinstance(bare, str) else bytes(bare)
        with self._lock:
            self._lingering.pop(data, None)
            known = self._known.get(data)
            if known is None:
                self._enter(Secret(data, _shown(data, name), forms_of(data)))
            else:
                known.holders += 1

    def forget(self, value: str | bytes) -> None:
        """Undo one ``register``; the value is still looked for until a thousand more were forgotten."""
        bare = value.strip()
        data = bare.encode("utf-8", "surrogatepass") if isinstance(bare, str) else bytes(bare)
        with self._lock:
            known = self._known.get(data)
            if known is None or known.holders == 0:
                return
            known.holders -= 1
            if known.holders == 0:
                self._lingering[data] = None
                if len(self._lingering) > _LINGER:
                    oldest, _ = self._lingering.popitem(last=False)
                    self._leave(self._known[oldest])

    @contextmanager
    def held(self, values: Held) -> Iterator[None]:
        """Register the values while the block runs."""
        taken: list[str | bytes] = []
        try:
            for name, value in values:
                self.register(value, name)
                taken.append(value)
            yield
        finally:
            for value in taken:
                self.forget(value)

    def suspects(self, data: bytes) -> list[Secret]:
        """Those that may stand in ``data``, at any level of escapes; usually none."""
        hidden = (b"\\" in data or b"%" in data) and self._hidden(data)
        if not (self._short or hidden):  # the usual case, in one step
            blocks = array("Q", data[: len(data) & ~7])
            if self._octets.keys().isdisjoint(blocks):
                return []
        found = self._in(data)
        if hidden:
            for meant in meanings(data):
                found += self._in(meant)
        return list(dict.fromkeys(found))

    def stream_index(self) -> StreamIndex:
        """What a text that comes in pieces is watched for; made anew when the values changed."""
        made = self._index
        if made is None or made[0] != self._version:
            with self._lock:
                made = self._index = self._version, _indexed(self._known.values())
        return made[1]

    def _in(self, data: bytes) -> list[Secret]:
        if self._short:
            found = _looked_up(self._quads, array("I", data[: len(data) & ~3]))
            if self._tiny:
                found += _looked_up(self._quads, array("I", data[2 : 2 + ((len(data) - 2) & ~3)]))
            return found
        return _looked_up(self._octets, array("Q", data[: len(data) & ~7]))

    def _hidden(self, data: bytes) -> bool:
        """Whether escapes can hide a value: a mere line break hides none that has no odd character."""
        return (
            self._special > 0 or b"%" in data or b"\\u" in data or b"\\/" in data or b"\\x" in data
        )

    def _enter(self, secret: Secret) -> None:
        self._known[secret.value] = secret
        for table, block in _blocks(secret.forms):
            at = self._quads if table == "I" else self._octets
            at[block] = (*at.get(block, ()), secret)
        self._count(secret, 1)
        self.any = True

    def _leave(self, secret: Secret) -> None:
        del self._known[secret.value]
        for table, block in _blocks(secret.forms):
            at = self._quads if table == "I" else self._octets
            rest = tuple(other for other in at.get(block, ()) if other is not secret)
            if rest:
                at[block] = rest
            else:
                at.pop(block, None)
        self._count(secret, -1)
        self.any = bool(self._known)

    def _count(self, secret: Secret, step: int) -> None:
        shortest = min(len(form.data) for form in secret.forms)
        self._short += step * (shortest < 15)
        self._tiny += step * (shortest < 7)
        self._special += step * (_SPECIAL.search(secret.value) is not None)
        self._version += 1


def _looked_up(table: dict[int, tuple[Secret, ...]], blocks: array[int]) -> list[Secret]:
    if table.keys().isdisjoint(blocks):
        return []
    return [secret for block in blocks for secret in table.get(block, ())]


def _blocks(forms: Iterable[Form]) -> set[tuple[str, int]]:
    """Blocks from the middle of each form: keys of one kind begin alike."""
    found: set[tuple[str, int]] = set()
    for form in forms:
        for code, width in (("I", 4), ("Q", 8)):
            span = 2 * width - 1
            start = max(0, (len(form.data) - span) // 2)
            for at in range(start, min(start + width, len(form.data) - width + 1)):
                found.add((code, int.from_bytes(form.data[at : at + width], sys.byteorder)))
    return found


def _indexed(known: Iterable[Secret]) -> StreamIndex:
    forms: dict[bytes, tuple[bytes, ...]] = {}
    for secret in known:
        for form in streamed_forms(secret.value):
            forms[form[:4]] = (*forms.get(form[:4], ()), form)
    return StreamIndex(forms, frozenset(key[:size] for key in forms for size in (1, 2, 3)))


def _shown(value: bytes, name: str) -> bytes:
    shown = f"[secret:{name}]".encode() if name else b"[secret]"
    return b"[***]" if value in shown else shown
