"""Which events still matter once the journal lets go of the oldest: what a checkpoint holds. Pure.

It is a fold whose result is events again: those from which the same state follows. Agents and what
they remember, the scheduler's settings, plugins, elements and their orders, the runs that are open
with what waits for approval in them, and dead letters with the tasks above them. What ended well
leaves a number behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import ClassVar

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.journal.checkpoints import Checkpoint
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK

from .kept_letters import KeptLetters, letters_of

__all__ = ["Condensed"]

_PAUSED = ("kernel.paused", "")


class _Run(msgspec.Struct):
    """A run that is open: its events, its effects that did not return, the letters dealt with."""

    events: list[Event] = []
    calls: set[str] = set()
    dealt: dict[str, Event] = {}


class Condensed:
    """Takes events in their order; for one thread."""

    handles: ClassVar[Mapping[str, str]] = {
        "run.started": "_begins",
        "task.submitted": "_begins",
        "task.queued": "_goes_on",
        "task.scheduled": "_goes_on",
        "task.running": "_goes_on",
        "task.attempt_failed": "_goes_on",
        "task.cancel_requested": "_goes_on",
        **dict.fromkeys(TERMINAL_TASK, "_goes_on"),
        **dict.fromkeys(TERMINAL_RUN, "_ends"),
        "tool.called": "_called",
        "tool.returned": "_returned",
        "approval.requested": "_goes_on",
        "approval.granted": "_goes_on",
        "approval.denied": "_goes_on",
        "approval.expired": "_goes_on",
        "approval.used": "_goes_on",
        "message.dead": "_dead",
        "message.redriven": "_dealt",
        "message.purged": "_dealt",
        "kernel.started": "_started",
        "kernel.recovered": "_latest_of_type",
        "kernel.scheduler_configured": "_configured",
        "kernel.stopping": "_latest_of_type",
        "kernel.stopped": "_latest_of_type",
        "agent.spawned": "_spawned",
        "agent.failed": "_agent_failed",
        "agent.stopped": "_agent_stopped",
        "agent.state": "_latest_of_agent",
        "plugin.granted": "_granted",
        "plugin.revoked": "_revoked",
        "plugin.loaded": "_loaded",
        "plugin.failed": "_plugin",
        "plugin.unloaded": "_unloaded",
        "element.created": "_lasts",
        "progression.created": "_lasts",
        "progression.appended": "_lasts",
    }
    """What does it for each type. The others tell of nothing that outlives its run."""

    def __init__(self, base: Checkpoint | None = None, letters: KeptLetters | None = None) -> None:
        """Go on from ``base``; ``letters`` is empty, with bounds of its own."""
        self.until = 0
        self._steps = {kind: getattr(self, name) for kind, name in self.handles.items()}
        self._latest: dict[tuple[str, str], Event] = {}
        self._lasting: list[Event] = []
        self._runs: dict[str, _Run] = {}
        self._letters = letters or KeptLetters()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._over: dict[str, None] = {}
        if base is not None:
            self._resume(base)

    @property
    def given_up(self) -> int:
        """Dead letters that there was no room for, since there is a journal."""
        return self._letters.given_up

    def take(self, event: Event) -> None:
        """Take the next event in."""
        self.until = event.seq
        step = self._steps.get(event.envelope.type)
        if step is not None:
            step(event)

    def events(self) -> list[Event]:
        """Those that still matter, in order."""
        runs = chain.from_iterable((*r.events, *r.dealt.values()) for r in self._runs.values())
        several = chain(self._latest.values(), self._lasting, runs, self._letters.events())
        found = {event.seq: event for event in several}
        return [found[seq] for seq in sorted(found)]

    def counts(self) -> dict[str, dict[str, int]]:
        """Ended tasks that are not among the events, by agent and state."""
        told = {e.task: e for e in self._letters.events() if e.type in TERMINAL_TASK}
        left = self._ended - Counter(map(_end_of, told.values()))
        counts: dict[str, dict[str, int]] = {}
        for (agent, state), number in sorted(left.items()):
            counts.setdefault(agent, {})[state] = number
        return counts

    def forgotten(self) -> dict[str, tuple[str, ...]]:
        """The runs that are over, each with those of its tasks that are still known."""
        known: dict[str, dict[str, None]] = {run: {} for run in self._over}
        for event in self._letters.events():
            if event.task and event.run in known:
                known[event.run][event.task] = None
        return {run: tuple(tasks) for run, tasks in known.items()}

    def _resume(self, base: Checkpoint) -> None:
        for event in base.events:
            self.take(event)
        for agent, states in base.counts.items():
            for state, number in states.items():
                self._ended[agent, state] += number
        self._over = {}
        self.until, self._letters.given_up = base.until, base.letters

    def _begins(self, event: Event) -> None:
        self._runs.setdefault(event.run, _Run()).events.append(event)

    def _goes_on(self, event: Event) -> None:
        """What is still said of a run that is over does not matter."""
        run = self._runs.get(event.run)
        if run is not None:
            run.events.append(event)

    def _called(self, event: Event) -> None:
        run = self._runs.get(event.run)
        if run is not None and b'"effect_id"' in event.envelope.body:
            run.calls.add(decode(event.envelope.body, _Call).call)
            run.events.append(event)

    def _returned(self, event: Event) -> None:
        run = self._runs.get(event.run)
        if run is None or not run.calls:
            return
        call = decode(event.envelope.body, _Call).call
        if call in run.calls:
            run.calls.discard(call)
            run.events.append(event)

    def _ends(self, event: Event) -> None:
        run = self._runs.pop(event.run, None)
        if run is None:
            return
        run.events.append(event)
        self._over[event.run] = None
        self._ended.update(_end_of(e) for e in run.events if e.type in TERMINAL_TASK)
        for task, events in letters_of(run.events, run.dealt).items():
            self._went(self._letters.keep(task, events))

    def _dead(self, event: Event) -> None:
        self._went(self._letters.keep(event.id, [event]))

    def _dealt(self, event: Event) -> None:
        letter = decode(event.envelope.body, _Letter).letter
        gone = self._letters.deal(letter, event)
        if gone is not None:
            self._went(gone)
            return
        for run in self._runs.values():
            if any(e.task == letter for e in run.events):
                run.dealt[letter] = event

    def _went(self, events: list[Event]) -> None:
        """The tasks of a letter that went are to be forgotten with it."""
        self._over.update((event.run, None) for event in events if event.run)

    def _started(self, event: Event) -> None:
        for key in [key for key in self._latest if key[0].startswith("kernel.")]:
            del self._latest[key]
        self._latest_of_type(event)

    def _latest_of_type(self, event: Event) -> None:
        self._latest[event.type, ""] = event

    def _latest_of_agent(self, event: Event) -> None:
        self._latest[event.type, event.agent] = event

    def _configured(self, event: Event) -> None:
        """Also the first of those that paused it: since when it is."""
        self._latest_of_type(event)
        if decode(event.envelope.body, _Paused).paused:
            self._latest.setdefault(_PAUSED, event)
        else:
            self._latest.pop(_PAUSED, None)

    def _spawned(self, event: Event) -> None:
        self._latest_of_agent(event)
        self._latest.pop(("agent.failed", event.agent), None)

    def _agent_failed(self, event: Event) -> None:
        if ("agent.spawned", event.agent) in self._latest:
            self._latest_of_agent(event)

    def _agent_stopped(self, event: Event) -> None:
        for kind in ("agent.spawned", "agent.failed", "agent.state"):
            self._latest.pop((kind, event.agent), None)

    def _plugin(self, event: Event) -> None:
        self._latest["plugin", _name_in(event)] = event

    def _granted(self, event: Event) -> None:
        self._latest["plugin.granted", _name_in(event)] = event

    def _revoked(self, event: Event) -> None:
        """What was granted to another content of the same name since then goes on."""
        key = ("plugin.granted", _name_in(event))
        granted = self._latest.get(key)
        if granted is not None and _digest_in(granted) == _digest_in(event):
            del self._latest[key]

    def _loaded(self, event: Event) -> None:
        """Kept beside the last word: what fails to start once is tried again at the next start."""
        self._plugin(event)
        self._latest["plugin.loaded", _name_in(event)] = event

    def _unloaded(self, event: Event) -> None:
        self._plugin(event)
        self._latest.pop(("plugin.loaded", _name_in(event)), None)

    def _lasts(self, event: Event) -> None:
        self._lasting.append(event)


def _name_in(event: Event) -> str:
    return decode(event.envelope.body, _Named).name


def _digest_in(event: Event) -> str:
    return decode(event.envelope.body, _Content).digest


class _Content(msgspec.Struct):
    digest: str


class _Call(msgspec.Struct):
    call: str


class _Letter(msgspec.Struct):
    letter: str


class _Paused(msgspec.Struct):
    paused: bool = False


class _Named(msgspec.Struct):
    name: str


def _end_of(event: Event) -> tuple[str, str]:
    return event.agent, event.type.removeprefix("task.")
