"""The mirror to observers, in words."""

from __future__ import annotations

from retinue.bus.views import BusView

__all__ = ["in_short", "in_words"]


def in_words(bus: BusView) -> str:
    """For a record: state, counts, and where."""
    if bus.state == "off":
        return "off" + (f": {bus.reason}" if bus.reason else "")
    return f"{bus.state}, {bus.published} published{_rest(bus)}, {bus.server}"


def in_short(bus: BusView) -> str:
    """For a line: state, and what is not as it should be."""
    return bus.state + ("" if bus.state == "off" else _rest(bus))


def _rest(bus: BusView) -> str:
    counts = ((bus.pending, "waiting"), (bus.dropped, "dropped"), (bus.refilled, "refilled"))
    return "".join(f", {count} {what}" for count, what in counts if count)
