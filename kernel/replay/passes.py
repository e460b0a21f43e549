"""One way through a recording: event for event, until one is not what was recorded."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.messages import AgentSpawned

from .code import Code
from .divergence import ABSENT, Divergence, shown
from .ledger import Entry
from .moves import Move, hasty_moves, moves
from .recording import Recording
from .stage import Stage
from .world import Haste

__all__ = ["Pass"]

MAX_MOVES = 20_000


class Pass:
    """Runs the recording once."""

    def __init__(
        self, recording: Recording, code: Code, path: Sequence[int], *, haste: Haste
    ) -> None:
        """``path`` says which move to take where several are possible."""
        self._haste = haste
        self._recording = recording
        self._path = path
        self._choices: list[tuple[int, int]] = []
        self._stage = Stage(recording, code, self._choose, haste)
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

    def other_path(self) -> list[int] | None:
        """The next way to try: another move at the last place where there is one left."""
        taken = list(self._choices)
        while taken:
            index, possible = taken.pop()
            if index + 1 < possible:
                return [i for i, _ in taken] + [index + 1]
        return None

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
        if self._haste is Haste.NONE:
            self._stage.loop.run_ready()
            return
        while not entry.appended and self._stage.ledger.divergence is None:
            hurried = hasty_moves(self._stage, entry)
            for move in hurried:
                move()
            if not self._stage.loop.step() and not hurried:
                return

    def _take(self, possible: list[Move]) -> None:
        possible[0 if len(possible) == 1 else self._choose(len(possible))]()

    def _choose(self, possible: int) -> int:
        """The first way, or the one that this pass is to try here."""
        place = len(self._choices)
        chosen = self._path[place] if place < len(self._path) else 0
        chosen = min(chosen, possible - 1)
        self._choices.append((chosen, possible))
        return chosen

    def _instead(self, entry: Entry) -> str:
        """What the replay did in the place of an event that it does not come to."""
        ended = self._stage.gates.find(["ended"], entry.event.task)
        if not ended:
            return ABSENT
        body = ended[0].message.body
        return f"the end of the attempt {shown(msgspec.json.decode(body))}"

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
        elif event.type == "kernel.started" and self._made:
            stage.restart()
        elif event.type == "kernel.recovered":
            for gate in stage.gates.find(["resume"]):
                stage.gates.open(gate)

    def _settle(self) -> None:
        """After the last event of a run that ended nothing more may come."""
        if self._recording.complete:
            self._stage.loop.run_ready()
