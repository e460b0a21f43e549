"""Counting one run: its tasks, attempts and calls, what was begun and what became of each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK

__all__ = ["Balance", "RunTally"]


class Balance(msgspec.Struct, frozen=True):
    """``begun`` has to be the sum of ``parts``, and nothing may be ``wrong``.

    ``scope`` is run, actor or kernel; ``what`` is tasks, attempts, tool calls, model calls or messages.
    """

    scope: str
    name: str
    what: str
    begun: int
    parts: dict[str, int]
    wrong: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it adds up."""
        return not self.wrong and self.begun == sum(self.parts.values())


class RunTally:
    """Counts the events of one run as they come."""

    def __init__(self, name: str, *, partial: bool = False) -> None:
        """``name`` is the run's id, or empty for what belongs to none.

        ``partial``: its beginning is no longer kept, so that ends without one are no fault.
        """
        self.name = name
        self._partial = partial
        self.open: dict[str, bool] = {}
        self.tasks: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.calls = {noun: _Calls(partial=partial) for noun in ("tool", "llm")}
        self.wrong: list[str] = []
        self.over = False

    def take(self, event: Event) -> None:
        """Count one event."""
        kind = event.type
        noun, _, verb = kind.partition(".")
        if noun == "task":
            self._task(event, verb)
        elif noun in self.calls and verb in ("called", "returned"):
            self.calls[noun].take(event, self._say)
        elif kind in TERMINAL_RUN:
            if self.open:
                self._say(f"{kind} at {event.seq} while {len(self.open)} task(s) are open")
            self.over = True

    def cut_off(self) -> None:
        """The kernel that made the calls is gone: nobody will tell their outcome."""
        for calls in self.calls.values():
            calls.cut_off()

    def balances(self) -> list[Balance]:
        """What was begun and what became of it."""
        tasks = {name: self.tasks[name] for name in _ENDS} | {"open": len(self.open)}
        attempts = {name: self.attempts[name] for name in _ENDS}
        attempts["open"] = sum(self.open.values())
        begun = (self.tasks["submitted"], self.attempts["begun"])
        found = [
            Balance("run", self.name, "tasks", begun[0], tasks, tuple(self.wrong)),
            Balance("run", self.name, "attempts", begun[1], attempts),
        ]
        for noun, what in (("tool", "tool calls"), ("llm", "model calls")):
            balance = self.calls[noun].balance(self.name, what)
            if balance.begun or balance.wrong:
                found.append(balance)
        return found

    def _task(self, event: Event, verb: str) -> None:
        """``open`` maps each open task to whether an attempt of it has begun and not ended."""
        task = event.task
        if self._partial and verb != "submitted" and task not in self.open:
            self.tasks["submitted"] += 1
            self.open[task] = False
        if verb == "submitted":
            if task in self.open:
                self._say(f"{task} was submitted twice, again at {event.seq}")
            self.tasks["submitted"] += 1
            self.open[task] = False
        elif verb == "running":
            if not self.open.get(task, False):
                self.attempts["begun"] += 1
            if task in self.open:
                self.open[task] = True
        elif verb == "attempt_failed" and self.open.get(task, False):
            self.attempts["failed"] += 1
            self.open[task] = False
        elif event.type in TERMINAL_TASK:
            self._task_ended(event, verb)

    def _task_ended(self, event: Event, verb: str) -> None:
        task = event.task
        if task not in self.open:
            self._say(f"{task} ends at {event.seq}, and was not open")
            self.tasks[verb] += 1
            return
        if self.open.pop(task):
            self.attempts[verb] += 1
        self.tasks[verb] += 1
        for calls in self.calls.values():
            calls.cut_off(task)

    def _say(self, text: str) -> None:
        if len(self.wrong) < 5:
            self.wrong.append(text)


class _Calls:
    """``open`` maps a call to its task."""

    def __init__(self, *, partial: bool) -> None:
        self.partial = partial
        self.begun = 0
        self.ends: Counter[str] = Counter()
        self.open: dict[str, str] = {}
        self.late: set[str] = set()

    def take(self, event: Event, say: Callable[[str], None]) -> None:
        body = event.data
        call = body["call"]
        if event.type.endswith("called"):
            self.begun += 1
            self.open[call] = event.task
        elif self.open.pop(call, None) is not None:
            self.ends[_went(body)] += 1
        elif call in self.late:
            say(f"{event.type} at {event.seq} comes after its task's end")
        elif self.partial:
            self.begun += 1
            self.ends[_went(body)] += 1
        else:
            self.ends["stray"] += 1

    def cut_off(self, task: str | None = None) -> None:
        """Their outcome will never be told: the task, or with ``None`` the kernel, ended first."""
        for call in [c for c, of in self.open.items() if task is None or of == task]:
            del self.open[call]
            self.ends["unknown"] += 1
            self.late.add(call)

    def balance(self, run: str, what: str) -> Balance:
        parts = {name: self.ends[name] for name in ("ok", "failed", "unknown")}
        parts["open"] = len(self.open)
        stray = self.ends["stray"]
        wrong = (f"{stray} {what} returned that were never made",) if stray else ()
        return Balance("run", run, what, self.begun, parts, wrong)


def _went(body: Mapping[str, Any]) -> str:
    if body.get("unknown"):
        return "unknown"
    failed = body.get("error") or body.get("ok") is False
    return "failed" if failed else "ok"


_ENDS = ("succeeded", "failed", "cancelled", "outcome_unknown")
