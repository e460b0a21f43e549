"""Ids in the order in which they came, read from the newest on, from any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Order"]

_FEW = 64  # gaps that are not worth a new list


class Order:
    """Adding, dropping and beginning anywhere take the same time however many there are.

    One thread writes; any may read.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        """Oldest first."""
        self._gaps = 0
        self._state = _placed(ids)

    def add(self, id: str) -> None:
        """The newest; one that is there stays where it is."""
        ids, places = self._state
        if id in places:
            return
        places[id] = len(ids)
        ids.append(id)

    def drop(self, id: str) -> None:
        """One that is there."""
        ids, places = self._state
        ids[places.pop(id)] = None
        self._gaps += 1
        if self._gaps > _FEW and self._gaps > len(places):
            self._state = _placed(one for one in ids if one is not None)  # readers keep the old one
            self._gaps = 0

    def newest(self, before: str | None = None) -> Iterator[str]:
        """All from the newest on, or those that are older than one; none for one that is gone."""
        ids, places = self._state
        start = len(ids) if before is None else places.get(before, 0)
        return filter(None, map(ids.__getitem__, range(start - 1, -1, -1)))


def _placed(ids: Iterable[str]) -> tuple[list[str | None], dict[str, int]]:
    kept: list[str | None] = list(ids)
    return kept, {one: place for place, one in enumerate(kept) if one is not None}
