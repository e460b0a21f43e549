"""What is tried, and what came of it."""

from __future__ import annotations

import msgspec

__all__ = ["Attack", "Outcome"]


class Attack(msgspec.Struct, frozen=True):
    """One attack. ``silent`` names the layer that refuses without telling the host, if one does.

    Linux tells nobody when Landlock, a namespace or a bound refuses something; no event is
    claimed there.
    """

    family: str
    name: str
    silent: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one attack: ``events`` are security events of the host, as ``layer:rule``."""

    attack: Attack
    refused: bool
    said: str
    events: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether it was refused, and the host told of it wherever Linux tells the host."""
        return self.refused and bool(self.events or self.attack.silent)
