"""SIGKILL of a real daemon, at seeded points of the reference run, and what comes back after it.

Every point is a daemon's life: it ends the run that the one before it was killed in, and is
killed in the next. All kills come from outside.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from retinue.bus.errors import RetinueError
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK
from retinue.bus.views import StatusView, TaskView

from .daemons import Daemon, retinue
from .world import AGENTS, RESULT

MODES = ("event", "event", "instant", "instant", "uncommitted", "torn")
PATIENCE = 20.0


class Killing:
    """A state folder, its ledger, and the daemons that live and die on it."""

    def __init__(self, folder: Path) -> None:
        """Starts the first daemon and the agents, and does the run once undisturbed."""
        folder.mkdir(parents=True, exist_ok=True)
        self.state = folder / "state"
        self.ledger = folder / "ledger"
        self.counts: Counter[str] = Counter()
        self.daemon = self._start()
        for name, function in AGENTS.items():
            self.daemon.spawn(name, function)
        began = time.monotonic()
        root = self.daemon.wait(self.daemon.submit("boss", nonce="undisturbed").id)
        self.seconds = time.monotonic() - began
        assert root.result == RESULT, root
        self.events = sum(1 for _ in self.daemon.events(run=root.run))

    def close(self) -> None:
        """Kill the last daemon; the journal it leaves has to be whole, and its books have to balance."""
        self.daemon.kill()
        for command in ("verify", "audit"):
            done = retinue(self.state, command)
            assert done.returncode == 0, f"retinue {command}: {done.stdout}{done.stderr}"

    def abandon(self) -> None:
        """Leave no process behind, whatever went wrong."""
        self.daemon.kill()

    def point(self, seed: int) -> None:
        """Kill the daemon in the middle of a run, and see the next one end it."""
        chance = random.Random(seed)
        mode = chance.choice(MODES)
        nonce = f"run-{seed}"
        root = self.daemon.submit("boss", key=nonce, nonce=nonce)
        bystander = _Bystander(self.daemon, nonce)
        bystander.start()
        getattr(self, f"_{mode}")(chance, root)
        self.daemon.kill()
        bystander.join(PATIENCE)
        if mode == "torn":
            self._tear(chance)
        self.daemon = self._start()
        self._check(seed, nonce, root, bystander.accepted)
        self.counts.update({"kills": 1, mode: 1})

    def _start(self) -> Daemon:
        return Daemon(self.state, FAULTS_LEDGER=str(self.ledger)).ready()

    # ------------------------------------------------------------------ when

    def _event(self, chance: random.Random, root: TaskView) -> None:
        """Right after the n-th event of the run was seen."""
        left = chance.randint(1, self.events)
        for event in self.daemon.events(run=root.run, follow=True):
            left -= 1
            if left <= 0 or event.type in TERMINAL_RUN:
                return

    _torn = _event

    def _instant(self, chance: random.Random, _: TaskView) -> None:
        """At any microsecond of the time that a run takes."""
        threading.Event().wait(chance.random() * self.seconds)

    def _uncommitted(self, chance: random.Random, root: TaskView) -> None:
        """While the journal has events in hand that it cannot commit: somebody holds its file."""
        with closing(sqlite3.connect(self.state / "journal.db", isolation_level=None)) as held:
            self._event(chance, root)
            held.execute("PRAGMA busy_timeout = 5000")
            held.execute("BEGIN IMMEDIATE")
            self._until_appending()
            self.daemon.kill()

    def _until_appending(self) -> None:
        never, until = threading.Event(), time.monotonic() + PATIENCE
        while time.monotonic() < until:
            status = self.daemon.client.get("/v1/status", StatusView)
            journal = next(actor for actor in status.actors if actor["name"] == "journal")
            if journal["pending"]:
                return
            never.wait(0.002)
        raise AssertionError("the journal committed although its file was held")

    def _tear(self, chance: random.Random) -> None:
        """The next record was half written: a frame like the last one, cut anywhere."""
        log = self.state / "journal.db-wal"
        written = log.read_bytes()
        frame = 24 + int.from_bytes(written[8:12], "big")
        if len(written) > 32 + frame:
            torn = written[-frame:][: chance.randrange(1, frame)]
            log.write_bytes(written + torn)

    # ------------------------------------------------------------------ what came back

    def _check(self, seed: int, nonce: str, root: TaskView, accepted: list[str]) -> None:
        """Raises ``AssertionError`` naming the seed."""
        where = f"seed {seed}"
        assert self.daemon.submit("boss", key=nonce, nonce=nonce).id == root.id, where
        ended = self.daemon.wait(root.id)
        tasks = self._tasks(root.run, where)
        unknown = [task for task, end in tasks.items() if end == "task.outcome_unknown"]
        _as_undisturbed(ended, tasks[root.id], unknown, where)
        self._effects(nonce, len(unknown), ended, where)
        for task in accepted:
            found = self.daemon.wait(task)
            assert found.state == "succeeded", f"{where}: accepted, and then {found}"
        self.counts.update(unknown=len(unknown), accepted=1 + len(accepted), tasks=len(tasks))

    def _tasks(self, run: str, where: str) -> dict[str, str]:
        """The tasks of the run with their ends: one each, and one of the run, which is the last."""
        events = list(self.daemon.events(run=run))
        ends: dict[str, list[str]] = {e.task: [] for e in events if e.type == "task.submitted"}
        for event in events:
            if event.type in TERMINAL_TASK:
                ends[event.task].append(event.type)
        wrong = {task: end for task, end in ends.items() if len(end) != 1}
        assert not wrong, f"{where}: not one end each: {wrong}"
        over = [event.seq for event in events if event.type in TERMINAL_RUN]
        assert over == [events[-1].seq], f"{where}: {len(over)} ends of the run, or more after it"
        self.counts["events"] += len(events)
        return {task: end for task, (end,) in ends.items()}

    def _effects(self, nonce: str, unknown: int, root: TaskView, where: str) -> None:
        """No payment twice; without doubt, every one once."""
        lines = self.ledger.read_text().splitlines()
        paid = Counter(line for line in lines if line.startswith(f"{nonce} pay "))
        twice = [line for line, times in paid.items() if times > 1]
        assert not twice, f"{where}: happened more than once: {twice}"
        told = str(root.result).count("paid ") if root.state == "succeeded" else 0
        assert told <= len(paid) <= 7, f"{where}: {len(paid)} payments, and {told} told"
        assert unknown or len(paid) == 7, f"{where}: only {len(paid)} payments took place"
        self.counts["effects"] += len(paid)


def _as_undisturbed(ended: TaskView, end: str, unknown: list[str], where: str) -> None:
    """The result is that of an undisturbed run, but for what is marked as unknown."""
    if ended.state != "succeeded":
        assert end == "task.outcome_unknown", f"{where}: {ended}"
        return
    told = [word for part in ended.result for word in (part if isinstance(part, list) else [part])]
    meant = [word for part in RESULT for word in (part if isinstance(part, list) else [part])]
    different = [(a, b) for a, b in zip(told, meant, strict=True) if a != b]
    assert [a for a, _ in different] == ["unknown"] * len(unknown), f"{where}: {different}"


class _Bystander(threading.Thread):
    """Submits small tasks for as long as the daemon answers, and notes which were accepted."""

    def __init__(self, daemon: Daemon, nonce: str) -> None:
        super().__init__(name="bystander")
        self.accepted: list[str] = []
        self._daemon = daemon
        self._nonce = nonce

    def run(self) -> None:
        """Until the daemon is gone."""
        with suppress(RetinueError):
            while True:
                number = len(self.accepted)
                task = self._daemon.submit("echo", key=f"{self._nonce}/{number}", n=number)
                self.accepted.append(task.id)


def run(folder: Path, seeds: Any, every: int = 10) -> Counter[str]:
    """Kill at each of ``seeds``, a fresh folder for every ``every`` of them; the counts."""
    counts: Counter[str] = Counter()
    seeds = list(seeds)
    for first in range(0, len(seeds), every):
        killing = Killing(folder / f"from-{seeds[first]}")
        try:
            for seed in seeds[first : first + every]:
                killing.point(seed)
            killing.close()
        finally:
            killing.abandon()
        counts.update(killing.counts)
    return counts
