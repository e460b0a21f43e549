"""A run, run again: the kernel's decisions and the agents' code, on recorded answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from retinue.bus.codec import encode_envelope
from retinue.bus.envelope import Event
from retinue.bus.messages import AgentSpawned
from retinue.plugins import AgentSpec, Plugin

from ..asking.source import Source
from .code import Code
from .divergence import ABSENT, Divergence, shown
from .ledger import Entry
from .moves import Move, hasty_moves, moves
from .recording import Recording
from .stage import Stage
from .world import Haste

__all__ = ["Replay", "replay", "replay_recording"]

MAX_TRIES = 32
MAX_MOVES = 20_000


class Replay(msgspec.Struct, frozen=True):
    """What came of it. ``events`` are those made anew, up to the first divergence.

    ``given`` names what was taken as recorded because its code is not here, and why. ``tries``
    counts the orders of simultaneous things that were tried until one gave the recorded events.
    """

    run: str
    events: tuple[Event, ...]
    recorded: int
    divergence: Divergence | None
    given: Mapping[str, str]
    tries: int

    @property
    def same(self) -> bool:
        """Whether every event was made anew, byte for byte."""
        return self.divergence is None and len(self.events) == self.recorded

    @property
    def bytes(self) -> bytes:
        """The events, encoded one after the other."""
        return b"".join(encode_envelope(event.envelope) for event in self.events)

    @property
    def digest(self) -> str:
        """SHA-256 of ``bytes``."""
        return hashlib.sha256(self.bytes).hexdigest()


def replay(
    source: Source,
    run: str,
    agents: Mapping[str, AgentSpec | Callable[..., Any]] | None = None,
    plugins: Sequence[Plugin] | Mapping[str, Any] | None = None,
) -> Replay:
    """Run a recorded run again, without network, Redis, tools or models.

    ``source`` is a store, or a reader of a journal's file. ``agents`` are those that no reference
    leads to, by name; ``plugins`` a program's own, or the settings of those that are installed.
    Raises ``NotFound`` for a run that is not there.
    """
    return replay_recording(Recording.read(source, run), agents, plugins)


def replay_events(events: Iterable[Event], run: str, **options: Any) -> Replay:
    """As ``replay``, for events at hand."""
    return replay_recording(Recording.of(events, run), **options)


def replay_recording(
    recording: Recording,
    agents: Mapping[str, AgentSpec | Callable[..., Any]] | None = None,
    plugins: Sequence[Plugin] | Mapping[str, Any] | None = None,
) -> Replay:
    """As ``replay``.

    Of things that happened at once the record tells only in which order they were written. Where
    more than one order of their causes is possible, the likeliest is tried first, and others when
    that leads elsewhere.
    """
    given = plugins if isinstance(plugins, Mapping) else list(plugins or ()) or {}
    code = Code(agents or {}, given)
    tried: list[_Pass] = []
    for attempt in _passes(recording, code):
        attempt.run()
        tried.append(attempt)
        if attempt.divergence is None:
            break
    best = max(tried, key=lambda attempt: attempt.reached)
    return Replay(
        recording.run, best.events, len(recording.events), best.divergence, code.missing, len(tried)
    )


def _passes(recording: Recording, code: Code) -> Iterator[_Pass]:
    """Ways to try, each once the one before has led elsewhere."""
    for haste in Haste:
        path: list[int] = []
        for _ in range(MAX_TRIES):
            attempt = _Pass(recording, code, path, haste=haste)
            yield attempt
            other = attempt.other_path()
            if other is None:
                break
            path = other


class _Pass:
    """One way through the recording; ``path`` says which move to take where several are possible."""

    def __init__(
        self, recording: Recording, code: Code, path: Sequence[int], *, haste: Haste
    ) -> None:
        self._haste = haste
        self._recording = recording
        self._path = path
        self._choices: list[tuple[int, int]] = []
        self._stage = Stage(recording, code, self._choose, haste)
        self._made: list[Event] = []

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(self._made)

    @property
    def reached(self) -> tuple[bool, int]:
        return self.divergence is None, len(self._made)

    @property
    def divergence(self) -> Divergence | None:
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
                stage.loop.now = max(stage.loop.now, entry.event.time)
                stage.commits.commit(entry)
                return True
            possible = moves(stage, entry)
            if not possible:
                break
            self._take(possible)
            self._run_on(entry)
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
        if event.type in ("run.started", "task.submitted") and event.agent not in self._stage.roster:
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
