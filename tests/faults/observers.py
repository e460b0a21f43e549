"""Readers of every kind on a real kernel and a real Redis, which is disturbed again and again.

A trial is one reader through one disturbance: afterwards it was given each event once, in order, or
was told exactly which it was not given, and what it was told of can be had.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import redis

from retinue.bus.errors import RetinueError
from retinue.bus.journal import MemoryStore
from retinue.bus.redis.acl import observer_all, observer_run
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.subscriber import Subscriber
from retinue.kernel import Config, Kernel
from retinue.kernel.api.live.speakers import AGENT_EVENTS, Speaker
from retinue.kernel.api.server import ApiServer
from retinue.kernel.config import DialectsConfig, LiveLogsConfig, ObserversConfig
from retinue.kernel.unix_socket import listen
from retinue.plugins import agent

from .disturbances import DISTURBANCES, PEOPLE
from .outside import Outside
from .redises import Proxy, Server
from .watchers import KERNEL, Async, Plain, Sync, Watcher, wait_for
from .web_watchers import Sent, Socket

PATIENCE = 40.0
"""Real seconds until all have caught up; then a reader counts as deaf."""
STREAM_LENGTH = 600
_USER = "one-run"


class World:
    """A kernel, its Redis, and readers of every kind; ``round`` disturbs them once."""

    def __init__(self, *, keeps: bool) -> None:
        """With ``keeps`` its Redis is back with what it held."""
        self.counts: Counter[str] = Counter()
        self._ends = contextlib.ExitStack()
        self.server = Server(keeps=keeps)
        self._ends.callback(self.server.close)
        self.proxy = Proxy(self.server.path)
        self._ends.callback(self.proxy.close)
        dialects = DialectsConfig(live_logs=LiveLogsConfig(enabled=True, inbound=True))
        observers = ObserversConfig(
            stream_length=STREAM_LENGTH, outbox_bytes=1 << 20, dialects=dialects
        )
        self.store = MemoryStore()
        self.kernel = self._ends.enter_context(
            Kernel(redis=self.server.url, config=Config(observers=observers), store=self.store)
        )
        self.folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory()))
        self._serve()
        self._chat()
        self.head = self.checked = 0
        self.outside = Outside(self.kernel, self.store, self.server)
        self._speaker, self._spoken = Speaker(AGENT_EVENTS), []
        self._identities: dict[int, str] = {}
        self._of_the_run: set[int] = set()
        self.give_rights()
        self.settle()
        self.watchers = [self._watch(w) for w in self._watchers()]

    def close(self) -> None:
        """End everything."""
        for watcher in self.watchers:
            watcher.close()
        self._chatter.call_soon_threadsafe(self._steps.put_nowait, None)
        self._ends.close()

    def redis(self) -> redis.Redis:
        """A client that tries once."""
        return self.server.client()

    def burst(self, count: int, size: int) -> None:
        """Have the agent think so many thoughts of so many characters."""
        done = asyncio.Event()
        thought = asyncio.run_coroutine_threadsafe(done.wait(), self._chatter)
        self._chatter.call_soon_threadsafe(self._steps.put_nowait, (count, size, done))
        thought.result(PATIENCE)

    def replace(self, old: Watcher, start: int) -> None:
        """Another of its kind, that begins after ``start``."""
        old.close()
        place = self.watchers.index(old)
        self.watchers[place] = self._watch(_like(old, start))

    def round(self, seed: int) -> None:
        """One disturbance, with events before, during and after it; then everybody is checked."""
        chance = random.Random(seed)
        names, weights = zip(*((n, w) for n, (_, w) in DISTURBANCES.items()), strict=True)
        (name,) = chance.choices(names, weights)
        self.burst(chance.randint(0, 20), 20)
        during = DISTURBANCES[name][0](self, chance)
        next(during)
        self.burst(chance.randint(1, 60), chance.choice([20, 20, 500]))
        self.outside.tell()
        for _ in during:
            pass
        self.settle()
        self._caught_up(name, seed)
        self._check(name, seed)
        if name == "server restart":
            name += ", data kept" if self.server.keeps else ", data lost"
        self.counts["rounds"] += 1
        self.counts["trials"] += len(self.watchers) + 1
        self.counts[f"trials: {name}"] += len(self.watchers) + 1

    def settle(self) -> None:
        """Have all that was said so far committed, and take note of it."""
        self.kernel.submit("echo", {"text": "x"}).result(timeout=PATIENCE)
        for event in self.store.read(self.head):
            self.head = event.seq
            self._identities[event.seq] = event.envelope.id
            if event.envelope.run == self.run:
                self._of_the_run.add(event.seq)
            if self._speaker.say(event):
                self._spoken.append(event.seq)

    # ------------------------------------------------------------------ what is checked

    def _caught_up(self, name: str, seed: int) -> None:
        for watcher in self.watchers:
            late = self._late(watcher)
            if isinstance(watcher, Sync) and not watcher.whole:
                self._nudged(watcher, name, seed)
                continue
            wait_for(
                lambda w=watcher, late=late: w.reached >= late or w.wrong,
                PATIENCE,
                lambda w=watcher, late=late: f"seed {seed}, {name}: {_deaf(w)}, {late} is there",
            )

    def _late(self, watcher: Watcher) -> int:
        """The last event that it is to have, or to know of."""
        return (self._spoken or [0])[-1] if isinstance(watcher, Socket) else self.head

    def _nudged(self, watcher: Watcher, name: str, seed: int) -> None:
        """On a channel alone, what was lost last shows when the next one comes."""
        head = self.head

        def has() -> bool:
            if watcher.reached < head and not watcher.wrong:
                self.burst(1, 20)
                return False
            return True

        wait_for(has, PATIENCE, lambda: f"seed {seed}, {name}: {_deaf(watcher)}, {head} is there")
        self.settle()

    def _check(self, name: str, seed: int) -> None:
        gaps: dict[tuple[int, int], Gap] = {}
        for watcher in self.watchers:
            fresh, told, reached = watcher.taken()
            assert not watcher.wrong, f"seed {seed}, {name}: {watcher.wrong[:3]}"
            for seq, identity in fresh:
                known = self._identities.get(seq, identity)
                assert identity in ("", known), f"seed {seed}, {name}: {seq} is {identity}"
            self.counts["events"] += len(fresh)
            self.counts["given twice"] += watcher.twice
            watcher.twice = 0
            self.counts["gaps"] += len(told)
            self.counts["in gaps"] += sum(map(len, told))
            gaps.update({(gap.first, gap.last): gap for gap in told})
            self._complete(watcher, fresh, told, reached, f"seed {seed}, {name}")
        self._filled(gaps, name, seed)
        self.counts["telemetry"] += self.outside.heard(f"seed {seed}, {name}")

    def _complete(self, watcher, fresh, told, reached: int, what: str) -> None:
        """Of a reader of some events: each of those it was given, or is in a gap."""
        if watcher.whole:
            return
        upto = min(reached, self.head)
        watcher.kept += [*fresh, *told]
        mine = set(self._spoken) if isinstance(watcher, Socket) else self._of_the_run
        known: set[int] = set()
        for item in watcher.kept:
            known |= set(range(item.first, item.last + 1)) if isinstance(item, Gap) else {item[0]}
        silent = {s for s in mine if watcher.start < s <= upto} - known
        assert not silent, f"{what}: {watcher.kind}, silent gap {sorted(silent)[:5]}"
        watcher.start = upto
        watcher.kept = [k for k in watcher.kept if (k.last if isinstance(k, Gap) else k[0]) > upto]

    def _filled(self, gaps: dict[tuple[int, int], Gap], name: str, seed: int) -> None:
        """Two of them over Redis; the journal has all."""
        for first, last in list(gaps)[:2]:
            whole = Subscriber(self.server.url, KERNEL, first - 1)
            filled = whole._filler.fill(first, min(last, self.head), PATIENCE)
            seqs = [event.seq for event in filled]
            assert seqs == list(range(first, min(last, self.head) + 1)), (
                f"{name}: {first} to {last}"
            )
            whole.close()
            self.counts["filled"] += 1

    # ------------------------------------------------------------------ what is there

    def _serve(self) -> None:
        self.path = self.folder / "s"
        listener = self._ends.enter_context(listen(self.path))
        server = ApiServer(self.kernel, listener, lambda reason: None)
        server.start()
        self._ends.callback(server.close)

    def _chat(self) -> None:
        self._steps: asyncio.Queue[Any] = asyncio.Queue()
        loops: list[asyncio.AbstractEventLoop] = []

        @agent
        async def chatter(ctx) -> None:
            loops.append(asyncio.get_running_loop())
            ctx.thought("ready")
            while (step := await self._steps.get()) is not None:
                for number in range(step[0]):
                    ctx.thought(f"{number} ".ljust(step[1], "x"))
                    if number % 50 == 49:
                        await asyncio.sleep(0.001)
                step[2].set()

        self.kernel.spawn("chatter", chatter)
        self.run = self.kernel.submit("chatter").run
        wait_for(lambda: loops, PATIENCE, lambda: "the agent does not begin")
        self._chatter = loops[0]

    def give_rights(self) -> None:
        """A server that was started again knows no users."""
        self.rights = ("on", *observer_all(KERNEL, name=PEOPLE).rules("nopass"))
        only = observer_run(KERNEL, self.run, name=_USER)
        with self.redis() as client:
            client.execute_command("ACL", "SETUSER", PEOPLE, *self.rights)
            client.execute_command("ACL", "SETUSER", _USER, *only.rules("nopass"))

    def _watchers(self) -> list[Watcher]:
        url, head = self.server.url, self.head
        as_user = f"{url}?username={PEOPLE}&password=x"
        return [
            *(Sync(url, head) for _ in range(3)),
            *(Sync(as_user, head) for _ in range(2)),
            *(Sync(self.proxy.url, head) for _ in range(2)),
            *(Async(url, head) for _ in range(2)),
            *(Async(self.proxy.url, head) for _ in range(2)),
            *(Plain(url, head) for _ in range(2)),
            *(Sent(self.path, head) for _ in range(3)),
            *(Socket(self.path, head) for _ in range(3)),
            Sync(f"{url}?username={_USER}&password=x", head, self.run),
        ]

    def _watch(self, watcher: Watcher) -> Watcher:
        watcher.run()
        return watcher


def run(seeds: Iterable[int], *, keeps: bool) -> Counter[str]:
    """A round for each seed, in one world; raises ``AssertionError`` for a reader that was deceived."""
    world = World(keeps=keeps)
    try:
        for seed in seeds:
            world.round(seed)
    finally:
        with contextlib.suppress(RetinueError):
            world.close()
    return world.counts


def _like(old: Watcher, start: int) -> Watcher:
    if isinstance(old, Sync):
        return Sync(old.reader._url, start)
    if isinstance(old, Async | Plain):
        return type(old)(old.url, start)
    return type(old)(old.path, start)


def _deaf(watcher: Watcher) -> str:
    reader = getattr(watcher, "reader", None)
    return f"{watcher.kind} is at {watcher.reached}{f' ({reader!r}, {reader.problem})' if reader else ''}"
