"""What a verification found: where, of which kind, and in words."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "Kind", "VerifyReport"]

Kind = Literal[
    "missing", "added", "header", "body", "swapped", "moved", "content", "link", "page", "index"
]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong with the events ``first`` to ``last``.

    - ``missing``: events were cut out; ``added``: events were put in
    - ``header``, ``body``: what was committed was changed, in its header or in its body
    - ``swapped``: the two hold each other's content; ``moved``: they hold that of other numbers
    - ``content``: something in this range was changed, with its sums made to fit
    - ``link``: the events are whole, their seal is damaged or gone
    - ``page``: the database cannot read them; ``index``: whole, but not found by their names
    """

    kind: Kind
    first: int
    last: int
    detail: str = ""

    def __str__(self) -> str:
        where = f"event {self.first}"
        if self.last > self.first:
            where = (
                f"events {self.first}"
                + (" and " if self.kind == "swapped" else "–")
                + f"{self.last}"
            )
        return f"{where}: {self.kind}" + (f", {self.detail}" if self.detail else "")


class VerifyReport(msgspec.Struct, frozen=True):
    """The outcome. ``head`` is the hash over everything up to ``last``, in hexadecimal."""

    first: int
    last: int
    events: int
    head: str
    findings: tuple[Finding, ...] = ()
    more: int = 0
    """Findings beyond those that are listed."""

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.findings
