"""Checking links one after the other: pure, it is handed what the file holds."""

from __future__ import annotations

from collections.abc import Sequence

from .chain import Link, Row, seal, sums, unpack
from .diagnosis import Suspect, explain
from .findings import Finding, Kind

__all__ = ["LinkCheck"]

_MAX_SUSPECTS = 2_000
_RESEALED = "one of them was changed and its sums with it"


class LinkCheck:
    """Takes the links in order, each with its rows, and collects what does not fit."""

    def __init__(self, start: Link) -> None:
        """``start`` is the link before the first."""
        self.head = start
        self.events = 0
        self._findings: list[Finding] = []
        self._suspects: list[Suspect] = []
        self._beyond: list[int] = []
        self._doubt: tuple[Link, Link] | None = None

    def take(self, link: Link, seqs: Sequence[int], rows: Sequence[Row]) -> None:
        """Check the next link; the rows, and their numbers, lie between the last one's end and its."""
        self.events += len(rows)
        if not self._fits(link, rows):
            self._blame(link, seqs, rows)
        self.head = link

    def skip(self, link: Link, reason: str) -> None:
        """The rows of the next link cannot be read."""
        self._note("page", self.head.last + 1, link.last, reason)
        self.head = link

    def findings(self) -> list[Finding]:
        """Everything found, once the last link was taken."""
        self._settle(f"{_RESEALED}, or their seal is damaged")
        found = [*self._findings, *explain(self._suspects)]
        if self._beyond:
            first, last, count = self._beyond
            found.append(Finding("content", first, last, f"{count} further events differ"))
        return found

    def _fits(self, link: Link, rows: Sequence[Row]) -> bool:
        if len(rows) != link.last - self.head.last:
            return False
        try:
            if seal(self.head, rows) == link:
                self._settle(_RESEALED)
                return True
            return self._fits_what_was_in_doubt(link, rows)
        except (TypeError, ValueError):  # a damaged row: a body that is NULL
            return False

    def _fits_what_was_in_doubt(self, link: Link, rows: Sequence[Row]) -> bool:
        """The link follows from the rows before it, not from the hash that is kept for them."""
        if self._doubt is None or seal(self._doubt[1], rows) != link:
            return False
        kept, _ = self._doubt
        self._doubt = None
        self._note("link", _first(kept), kept.last, "the events are whole, their seal is damaged")
        return True

    def _settle(self, detail: str) -> None:
        if self._doubt is not None:
            kept, _ = self._doubt
            self._doubt = None
            self._note("content", _first(kept), kept.last, detail)

    def _blame(self, link: Link, seqs: Sequence[int], rows: Sequence[Row]) -> None:
        """Say which of the rows does not fit; when each does, the next link decides."""
        self._settle(_RESEALED)
        start, wanted = _first(link), unpack(link.sums)
        self._note_holes(link.last, seqs)
        found = dict(zip(seqs, map(sums, rows), strict=True))
        bad = [
            Suspect(seq, found.get(seq), sums_)
            for seq, sums_ in enumerate(wanted, start)
            if found.get(seq) != sums_
        ]
        self._suspect(bad)
        if len(rows) != link.last - self.head.last:
            return
        if start != self.head.last + 1:
            self._note(
                "link", self.head.last + 1, link.last, "a seal among them is gone or changed"
            )
        elif not bad:
            self._doubt = link, seal(self.head, rows)

    def _note_holes(self, last: int, seqs: Sequence[int]) -> None:
        expected = self.head.last + 1
        for seq in [*seqs, last + 1]:
            if seq > expected:
                self._note("missing", expected, seq - 1, "cut out")
            expected = seq + 1

    def _suspect(self, bad: list[Suspect]) -> None:
        room = _MAX_SUSPECTS - len(self._suspects)
        self._suspects += bad[:room]
        if beyond := bad[room:]:
            first, _, count = self._beyond or (beyond[0].seq, 0, 0)
            self._beyond = [first, beyond[-1].seq, count + len(beyond)]

    def _note(self, kind: Kind, first: int, last: int, detail: str) -> None:
        self._findings.append(Finding(kind, first, last, detail))


def _first(link: Link) -> int:
    return link.last - len(link.sums) // 8 + 1
