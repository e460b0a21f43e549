"""Does it add up? What was begun against what became of it, counted from the journal alone. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

from retinue.bus.envelope import Event
from retinue.bus.messages import TELEMETRY, TERMINAL_RUN, TERMINAL_TASK

from .tally import Balance, RunTally

__all__ = ["MESSAGES", "Audit", "Balance", "audit", "balance_of_actor"]

MESSAGES = ("handled", "failed", "dead_lettered", "dropped", "pending")
"""What can become of a message that was sent to an actor."""


class Audit:
    """Counts events as they come, run by run. A run that is over is added up and let go."""

    def __init__(self, first: int = 1, keep: int = 20) -> None:
        """``first`` is the oldest ``seq`` kept: above 1, ends whose beginning was trimmed are no fault.

        ``keep`` is how many of the newest runs can be asked for; those that do not add up all can.
        """
        self.dead = 0
        """Dead letters since the kernel's last start."""
        self.actors: list[Balance] = []
        """What the kernel's last stop said of its actors."""
        self.counted = 0
        self.partial = 0
        """Runs that began before the oldest event: counted from there on."""
        self._trimmed = first > 1
        self._open: dict[str, RunTally] = {}
        self._over: dict[str, str] = {}
        self._newest: deque[list[Balance]] = deque(maxlen=keep)
        self._broken: list[Balance] = []
        self._totals: dict[str, Balance] = {}
        self._outside = RunTally("", partial=self._trimmed)

    def take(self, event: Event) -> None:
        """Count one event."""
        kind = event.type
        if kind in TELEMETRY:
            return
        if event.run:
            self._take_in_run(event)
        else:
            self._outside.take(event)
        if kind == "kernel.started":
            self._kernel_started()
        elif kind == "kernel.stopped":
            self.actors = [
                balance_of_actor(name, said) for name, said in event.data.get("actors", {}).items()
            ]
        elif kind == "message.dead":
            self.dead += 1

    def runs(self) -> list[list[Balance]]:
        """The balances of the newest runs, oldest first; those that are open come last."""
        going = [run.balances() for run in self._open.values()]
        keep = self._newest.maxlen or 0
        return [*self._newest, *going][-keep:] if keep else []

    def broken(self) -> list[Balance]:
        """Every balance of a run that does not add up."""
        going = [one for run in self._open.values() for one in run.balances()]
        outside = self._outside.balances()
        return [*self._broken, *(one for one in (*going, *outside) if not one.holds)]

    def totals(self) -> list[Balance]:
        """All runs and operators' calls together, one balance for tasks, attempts and calls each."""
        totals = dict(self._totals)
        for run in (*self._open.values(), self._outside):
            _add_up(totals, run.balances())
        return [one for one in totals.values() if one.begun]

    def _take_in_run(self, event: Event) -> None:
        run = self._open.get(event.run)
        if run is None:
            if event.run in self._over:
                self._late(event)
                return
            partial = self._trimmed and event.type != "run.started"
            run = self._open[event.run] = RunTally(event.run, partial=partial)
            self.counted += 1
            self.partial += partial
        run.take(event)
        if run.over:
            del self._open[event.run]
            self._over[event.run] = event.type
            found = run.balances()
            self._newest.append(found)
            self._broken += [one for one in found if not one.holds]
            _add_up(self._totals, found)

    def _late(self, event: Event) -> None:
        """Nothing may follow a run's end but what tells of a message that died meanwhile."""
        if event.type in _NEVER_AFTER:
            wrong = f"{event.type} at {event.seq} comes after {self._over[event.run]}"
            self._broken.append(Balance("run", event.run, "tasks", 0, {}, (wrong,)))

    def _kernel_started(self) -> None:
        self.dead, self.actors = 0, []
        for run in (*self._open.values(), self._outside):
            run.cut_off()


def audit(events: Iterable[Event], first: int = 1, keep: int = 20) -> Audit:
    """Count all of the events."""
    counted = Audit(first, keep)
    for event in events:
        counted.take(event)
    return counted


def balance_of_actor(name: str, said: Mapping[str, Any]) -> Balance:
    """The balance of one actor's messages, from its statistics; older kernels did not count ``sent``."""
    parts = {what: int(said.get(what, 0)) for what in MESSAGES}
    begun = int(said["sent"]) if "sent" in said else sum(parts.values())
    return Balance("actor", name, "messages", begun, parts)


def _add_up(totals: dict[str, Balance], found: Iterable[Balance]) -> None:
    for one in found:
        before = totals.get(one.what)
        parts = Counter(one.parts if before is None else before.parts)
        if before is not None:
            parts.update(one.parts)
        begun = one.begun + (0 if before is None else before.begun)
        totals[one.what] = Balance("all", "all runs", one.what, begun, dict(parts))


_NEVER_AFTER = (
    TERMINAL_RUN
    | TERMINAL_TASK
    | {"task.submitted", "task.running", "tool.called", "tool.returned", "llm.called"}
)
