"""Who waits for whom: what must not wait at all, and circles that would wait for ever."""

from __future__ import annotations

from typing import Any

from retinue.bus.errors import BlockingCallInActor, DeadlockDetected

from .context import Party, here

__all__ = ["refuse_circle", "refuse_on_dispatcher"]


def refuse_on_dispatcher(doing: str, recipient: Party | None, message: Any) -> Party | None:
    """The thread actor that is running here, or None on a host's thread.

    Raises ``BlockingCallInActor`` on a dispatcher's thread.
    """
    runner = here.runner
    if runner is None:
        return None
    if runner.blocking:
        asker: Party = runner.current
        return asker
    target = "" if recipient is None else f" on {recipient.name}"
    raise BlockingCallInActor(
        f"{runner.current.name} must not block{target} ({doing}; message {type(message).__name__}):"
        " it shares its thread; use `await ref.ask(message, block=False)`, or a ThreadActor"
    )


def refuse_circle(asker: Party, recipient: Party | None) -> None:
    """Raise ``DeadlockDetected`` when ``recipient`` waits, directly or not, for ``asker``.

    The asker has published what it waits for before: of two actors that close a circle at the
    same moment at least one sees the other.
    """
    if recipient is None or (recipient.waiting is None and recipient is not asker):
        return
    if path := _follow(asker, recipient):
        raise DeadlockDetected((*path, asker.name))


def _follow(asker: Party, party: Party | None) -> list[str]:
    path = [asker]
    while party is not None and party not in path:
        path.append(party)
        waiting = party.waiting
        party = None if waiting is None or waiting.settled else waiting.recipient
    return [step.name for step in path] if party is asker else []
