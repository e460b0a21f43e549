"""Progress, not pings: pure rules that tell which turns hang, at what, and for how long."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["Budgets", "Hanging", "Observed", "hanging"]


class Budgets(msgspec.Struct, frozen=True):
    """Seconds without progress: between steps, in a tool, in a model's stream, and in all."""

    stall: float = 30.0
    tool: float = 120.0
    stream: float = 60.0
    turn: float = 3600.0


class Observed(msgspec.Struct, frozen=True):
    """A turn as the watchdog sees it; times are of one monotonic clock."""

    task: str
    agent: str
    step: str
    began: float
    progressed: float


class Hanging(msgspec.Struct, frozen=True):
    """A turn over its budget: ``what`` it hangs at, for how many ``seconds``, and the ``budget``."""

    task: str
    agent: str
    what: str
    seconds: float
    budget: float


def hanging(turns: Iterable[Observed], budgets: Budgets, now: float) -> list[Hanging]:
    """Those turns that made no progress for longer than their step's budget.

    A turn that waits for a child does not hang: the child is watched itself.
    """
    found = []
    for turn in turns:
        silent = now - turn.progressed
        budget = _budget(turn.step, budgets)
        if budget is not None and silent > budget:
            found.append(Hanging(turn.task, turn.agent, turn.step, silent, budget))
        elif now - turn.began > budgets.turn:
            found.append(
                Hanging(turn.task, turn.agent, "the whole turn", now - turn.began, budgets.turn)
            )
    return found


def _budget(step: str, budgets: Budgets) -> float | None:
    if step.startswith("tool "):
        return budgets.tool
    if step.startswith("model "):
        return budgets.stream
    if step.startswith("waiting for "):
        return None
    return budgets.stall
