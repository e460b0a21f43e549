"""One way through a recording: event for event, until one is not what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.messages import AgentSpawned

from .code import Code
from .direct import Move
from .divergence import ABSENT, Divergence, shown
from .hasty import hasty_moves
from .ledger import Entry
from .moves import moves
from .recording import Recording
from .stage import Stage

__all__ = ["Pass", "Path"]

MAX_MOVES = 20_000


Path = tuple[int, ...]
"""Which way was taken at each choice, in order."""


class Choice(NamedTuple):
    """One of the ``possible`` ways was ``taken``; ``task`` as in ``Choose``."""

    taken: int
    possible: int
    task: str


class Pass:
    """Runs the recording once."""

    def __init__(self, recording: Recording, code: Code, path: Path) -> None:
        """``path`` says which way to take where several are possible; after its end, the first."""
        self._recording = recording
        self._path = path
        self._choices: list[Choice] = []
        self._stage = Stage(recording, code, self._choose)
        self._made: list[Event] = []

    @property
    def events(self) -> tuple[Event, ...]:
        """Those that were made anew."""
        return tuple(self._made)

    @property
    def reached(self) -> tuple[bool, int]:
        """How far it came."""
        return self.divergence is None, len(self._made)

    @property
    def divergence(self) -> Divergence | None:
        """What was not as recorded."""
        return self._stage.ledger.divergence

    def other_paths(self) -> Iterator[Path]:
        """Ways to try next, the most promising first.

        That is how soon the calls of the turn went ahead that came out otherwise; then the latest
        choice, the one before it, and so on.
        """
        task = "" if self.divergence is None else self.divergence.task
        last_first = range(len(self._choices) - 1, -1, -1)
        hastes = [i for i in last_first if task and self._choices[i].task == task]
        for place in [*hastes[:1], *last_first]:
            before = tuple(choice.taken for choice in self._choices[:place])
            chosen = self._choices[place]
            yield from ((*before, way) for way in range(chosen.possible) if way != chosen.taken)

    def run(self) -> None:
        """From the first event to the last, or the first that differs."""
        entries = iter(self._stage.ledger.entries)
        try:
            for event in self._recording.timeline:
                if event.run == self._recording.run:
                    if not self._reach(next(entries)):
                        return
                elif event.seq <= self._recording.last:
                    self._pass_by(event)
            self._settle()
        finally:
            self._stage.dispose()

    def _reach(self, entry: Entry) -> bool:
        """Have the event made, and commit it; ``False`` when it is not what was recorded."""
        stage = self._stage
        self._bring_agents(entry.event)
        self._run_on(entry)
        for _ in range(MAX_MOVES):
            if stage.ledger.divergence is not None:
                return False
            if entry.appended and entry.made is not None:
                self._made.append(Event(entry.event.seq, entry.made))
                stage.loop.reach(entry.event.time)
                stage.commits.commit(entry)
                return True
            possible = moves(stage, entry)
            if not possible:
                break
            self._take(possible)
            self._run_on(entry)
            stage.loop.reach(0.0)
        stage.ledger.diverge(entry.event, "", shown(entry.event.data), self._instead(entry))
        return False

    def _run_on(self, entry: Entry) -> None:
        """Let turns go on: until nothing more is to do, or, when in haste, no further than needed."""
        if not self._stage.world.in_haste():
            self._stage.loop.run_ready()
            return
        while not entry.appended and self._stage.ledger.divergence is None:
            hurried = self._hurry(entry)
            if not self._stage.loop.step() and not hurried:
                return

    def _hurry(self, entry: Entry) -> bool:
        """Let through whatever is in haste, and what that leads to."""
        hurried = False
        while not entry.appended and (possible := hasty_moves(self._stage, entry)):
            hurried = True
            for move in possible:
                move()
        return hurried

    def _take(self, possible: list[Move]) -> None:
        possible[0 if len(possible) == 1 else self._choose(len(possible), "")]()

    def _choose(self, possible: int, task: str) -> int:
        """The first way, or the one that this pass is to take here."""
        place = len(self._choices)
        taken = min(self._path[place], possible - 1) if place < len(self._path) else 0
        self._choices.append(Choice(taken, possible, task))
        return taken

    def _instead(self, entry: Entry) -> str:
        """What the replay did in the place of an event that it does not come to."""
        over = self._stage.gates.find(["over"], entry.event.task)
        if not over:
            return ABSENT
        outcome = over[0].message.outcome
        said = f"{outcome.kind}: {outcome.cause}" if outcome.kind else outcome.result.decode()
        return f"the end of the attempt: {said}"

    def _bring_agents(self, event: Event) -> None:
        """An agent that no event brought, as its coming was trimmed, is one without code."""
        if (
            event.type in ("run.started", "task.submitted")
            and event.agent not in self._stage.roster
        ):
            blank = msgspec.json.encode(AgentSpawned("shared"))
            envelope = msgspec.structs.replace(
                event.envelope, type="agent.spawned", body=blank, run="", task=""
            )
            self._stage.spawn(Event(event.seq, envelope))

    def _pass_by(self, event: Event) -> None:
        """Something that happened around the run."""
        stage = self._stage
        if event.type == "agent.spawned":
            stage.spawn(event)
        elif event.type == "agent.state":
            stage.recall(event)
        elif event.type.startswith("plugin."):
            stage.know_tools(event)
        elif event.type == "kernel.stopping":
            stage.closing = True
        elif event.type == "kernel.started":
            stage.started(event, again=bool(self._made))
        elif event.type == "kernel.recovered":
            for gate in stage.gates.find(["resume"]):
                stage.gates.open(gate)

    def _settle(self) -> None:
        """After the last event of a run that ended nothing more may come."""
        if self._recording.complete:
            self._stage.loop.run_ready()
