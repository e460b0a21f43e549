"""From rows that do not fit their sums to findings: changed, swapped, moved, put in or cut out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .chain import Sums
from .findings import Finding, Kind

__all__ = ["Suspect", "explain", "joined"]


class Suspect(NamedTuple):
    """A number under which there is not what was committed: its sums, and those it should have.

    ``found`` is ``None`` where there is nothing at all: what was there may have been moved.
    """

    seq: int
    found: Sums | None
    wanted: Sums


def explain(suspects: list[Suspect]) -> list[Finding]:
    """One finding for each row, neighbours of a kind joined."""
    origins = _origins(suspects)
    return joined(_finding(suspect, origins) for suspect in suspects if suspect.found)


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Neighbours that say the same become one."""
    result: list[Finding] = []
    for finding in findings:
        if result and _continues(result[-1], finding):
            first = result.pop().first
            result.append(Finding(finding.kind, first, finding.last, finding.detail))
        else:
            result.append(finding)
    return result


def _origins(suspects: list[Suspect]) -> dict[int, int]:
    """From a number to the one whose committed content stands there, where that is known."""
    owners = {suspect.wanted: suspect.seq for suspect in suspects}
    return {s.seq: owners[s.found] for s in suspects if s.found and s.found in owners}


def _finding(suspect: Suspect, origins: dict[int, int]) -> Finding:
    seq = suspect.seq
    origin = origins.get(seq)
    if origin is not None and origins.get(origin) == seq:
        return Finding("swapped", min(seq, origin), max(seq, origin))
    if origin is not None:
        return Finding("moved", seq, seq, f"they hold what was committed {_shift(seq - origin)}")
    if origins.get(seq + 1) == seq and origins.get(seq - 1) != seq:
        return Finding("added", seq, seq, "put in here, and what follows was moved up")
    same_body = suspect.found is not None and suspect.found[1] == suspect.wanted[1]
    kind: Kind = "header" if same_body else "body"
    return Finding(kind, seq, seq, f"the {kind} is not what was committed")


def _shift(by: int) -> str:
    return f"{by} earlier" if by > 0 else f"{-by} later: something before them was cut out"


def _continues(before: Finding, after: Finding) -> bool:
    if (before.kind, before.detail) != (after.kind, after.detail):
        return False
    if before.kind == "swapped":  # reported from both ends
        return (before.first, before.last) == (after.first, after.last)
    return before.last + 1 == after.first
