"""Random histories of a kernel, as events that could have been: for property tests."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import (
    AgentFailed,
    AgentSpawned,
    AgentState,
    AgentStopped,
    AgentText,
    AttemptFailed,
    CancelRequested,
    ElementCreated,
    EventBody,
    KernelStarted,
    KernelStopped,
    MessageDead,
    MessagePurged,
    MessageRedriven,
    PluginGranted,
    PluginLoaded,
    PluginRevoked,
    PluginUnloaded,
    ProgressionAppended,
    ProgressionCreated,
    RunCancelled,
    RunFailed,
    RunStarted,
    RunSucceeded,
    SchedulerConfigured,
    TaskCancelled,
    TaskFailed,
    TaskOutcomeUnknown,
    TaskQueued,
    TaskRunning,
    TaskScheduled,
    TaskSubmitted,
    TaskSucceeded,
    ToolCalled,
    ToolReturned,
    type_of,
)

ONE = msgspec.Raw(b"1")
AGENTS = ("ann", "ben", "cy")


class History:
    """Makes one event after the other, each a second later; what is open stays consistent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.events: list[Event] = []
        self.open: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, list[str]] = {}
        self.letters: list[str] = []
        self.progressions: list[str] = []
        self.elements: list[str] = []
        self.count = 0
        self.write(KernelStarted("main", "1", 1))

    def write(self, body: EventBody, run: str = "", task: str = "", agent: str = "") -> None:
        seq = len(self.events) + 1
        kind = type_of(type(body))
        envelope = Envelope(f"e-{seq}", kind, 1_000.0 + seq, encode(body), run, task, agent)
        self.events.append(Event(seq, envelope))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count}"

    def step(self) -> None:
        """Something happens."""
        moves = [self.begin, self.child, self.advance, self.advance, self.advance, self.finish]
        moves += [self.finish, self.effect, self.aside, self.letter, self.talk]
        self.random.choice(moves)()

    def begin(self) -> None:
        run = self.name("r")
        self.write(RunStarted(*self.random.choice([(), ("r-source", 3)])), run)
        self.runs[run] = []
        self.submit(run, "")

    def submit(self, run: str, parent: str) -> None:
        task, agent = self.name("t"), self.random.choice(AGENTS)
        if not self.runs[run]:
            self.events[-1] = msgspec.structs.replace(
                self.events[-1],
                envelope=msgspec.structs.replace(self.events[-1].envelope, task=task, agent=agent),
            )
        key = self.name("k") if self.random.random() < 0.3 else ""
        ordinal = len(self.runs[run]) if parent else 0
        body = TaskSubmitted(ONE, parent=parent, key=key, ordinal=ordinal, attempts=2)
        self.write(body, run, task, agent)
        self.write(TaskQueued(), run, task, agent)
        self.runs[run].append(task)
        self.open[task] = {"run": run, "agent": agent, "parent": parent, "calls": [], "attempt": 1}

    def some(self) -> tuple[str, dict[str, Any]] | None:
        return self.random.choice(list(self.open.items())) if self.open else None

    def child(self) -> None:
        if found := self.some():
            self.submit(found[1]["run"], found[0])

    def about(self, task: str, body: EventBody) -> None:
        at = self.open[task]
        self.write(body, at["run"], task, at["agent"])

    def advance(self) -> None:
        if found := self.some():
            task, at = found
            attempt = at["attempt"]
            bodies: list[EventBody] = [
                TaskScheduled("fifo", "first", attempt),
                TaskRunning(attempt),
                CancelRequested("enough"),
            ]
            body = self.random.choice([*bodies[:2], *bodies])
            self.about(task, body)
            if isinstance(body, TaskRunning) and self.random.random() < 0.3:
                kind = self.random.choice(["OSError", "Interrupted"])
                self.about(task, AttemptFailed(attempt, kind, "gone", 1.5))
                at["attempt"] += 1
                self.about(task, TaskQueued(at["attempt"], 1.5))

    def effect(self) -> None:
        if found := self.some():
            task, at = found
            root = self.runs[at["run"]][0]
            if at["calls"] and self.random.random() < 0.6:
                call = at["calls"].pop()
                ok = self.random.random() < 0.5
                self.about(
                    task,
                    ToolReturned(
                        call,
                        "pay",
                        ok=ok,
                        seconds=1.0,
                        unknown=not ok and self.random.random() < 0.5,
                    ),
                )
            else:
                call = self.name("c")
                once = self.random.random() < 0.7
                self.about(
                    task,
                    ToolCalled(
                        call,
                        "pay",
                        ONE,
                        "once" if once else "none",
                        f"{root}:pay:{call}" if once else "",
                    ),
                )
                at["calls"].append(call)

    def finish(self) -> None:
        """A task without open children ends; with the last one its run does."""
        if not (found := self.some()):
            return
        task, at = found
        if any(other["parent"] == task for other in self.open.values()):
            return
        ends: list[EventBody] = [
            TaskSucceeded(ONE),
            TaskSucceeded(ONE),
            TaskFailed("ValueError", "wrong"),
            TaskCancelled("enough"),
            TaskOutcomeUnknown("who knows"),
        ]
        end = self.random.choice(ends)
        self.about(task, end)
        if isinstance(end, TaskFailed | TaskOutcomeUnknown):
            self.letters.append(task)
        del self.open[task]
        run = at["run"]
        if not at["parent"]:
            over: EventBody = RunFailed("wrong")
            if isinstance(end, TaskSucceeded):
                over = RunSucceeded()
            elif isinstance(end, TaskCancelled):
                over = RunCancelled("enough")
            self.write(over, run, task, at["agent"])
            if at["calls"]:
                self.write(ToolReturned(at["calls"][0], "pay", ok=True, seconds=9.0), run, task)

    def letter(self) -> None:
        if self.letters and self.random.random() < 0.6:
            letter = self.letters.pop(self.random.randrange(len(self.letters)))
            dealt = [MessagePurged(letter, "done"), MessageRedriven(letter, "t-9")]
            self.write(self.random.choice(dealt))
        else:
            self.write(MessageDead("StopAttempt", "agent:ann", "it ended", "m-1"))
            self.letters.append(self.events[-1].id)

    def talk(self) -> None:
        if found := self.some():
            self.about(found[0], AgentText("la"))
            self.about(found[0], AgentState(msgspec.Raw(b'{"n":%d}' % len(self.events))))

    def aside(self) -> None:
        agent = self.random.choice(AGENTS)
        choice = self.random.randrange(11)
        if choice == 0:
            self.write(AgentSpawned("shared", reference=f"m:{self.name('a')}"), agent=agent)
        elif choice == 1:
            self.write(AgentStopped("enough"), agent=agent)
        elif choice == 2:
            self.elements.append(self.name("el"))
            self.write(ElementCreated(self.elements[-1], 1.0, msgspec.Raw(b'{"a": 1}'), {"k": "v"}))
        elif choice == 3:
            self.progressions.append(self.name("p"))
            self.write(ProgressionCreated(self.progressions[-1], "notes"))
        elif choice == 4 and self.progressions and self.elements:
            chosen = self.random.choice(self.progressions), (self.random.choice(self.elements),)
            self.write(ProgressionAppended(*chosen))
        elif choice == 5:
            self.write(SchedulerConfigured("fifo", 3, 2, paused=self.random.random() < 0.5))
        elif choice == 6:
            self.write(KernelStopped())
            self.write(KernelStarted("main", "1", 2))
        elif choice in (9, 10):
            self.plugin()
        elif choice == 7:
            self.write(AgentFailed("ImportError", "no", "not spawned again"), agent=agent)
        else:
            self.write(PluginLoaded("files", "1"))

    def plugin(self) -> None:
        """One that runs apart: granted, revoked, loaded or unloaded, in one content or another."""
        digest = self.random.choice(["ab" * 32, "cd" * 32])
        bodies: list[EventBody] = [
            PluginGranted("apart", "1", digest, msgspec.Raw(b"{}")),
            PluginRevoked("apart", digest),
            PluginLoaded("apart", "1", digest=digest),
            PluginUnloaded("apart", "enough"),
        ]
        self.write(self.random.choice(bodies))


def history(seed: int, steps: int) -> list[Event]:
    """The events of a random history."""
    made = History(seed)
    for _ in range(steps):
        made.step()
    return made.events
