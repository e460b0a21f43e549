"""A program that is no agent of the kernel, and tells it what it does."""

from __future__ import annotations

import contextlib
import itertools
import json

import redis

from .watchers import wait_for

LOGS = "raro:live_logs"
AT_ONCE = 5
PATIENCE = 20.0
_THOUGHT = {
    "run_id": "x-1",
    "agent_id": "other",
    "category": "THOUGHT",
    "metadata": "PLANNING",
    "timestamp": "2001-09-09T01:46:40.123Z",
}


class Outside:
    """Publishes numbered messages, and sees what became of them."""

    def __init__(self, kernel, store, server) -> None:
        self._kernel = kernel
        self._store = store
        self._server = server
        self._numbers = itertools.count()
        self._told: set[str] = set()
        self._taken: list[str] = []
        self._looked = self._dropped = 0

    def tell(self) -> None:
        """Some messages; those that nobody heard it knows of from Redis."""
        self._told = set()
        self._dropped = self._drops()
        with contextlib.suppress(redis.RedisError), self._server.client(0.2) as client:
            for number in itertools.islice(self._numbers, AT_ONCE):
                if client.publish(LOGS, json.dumps({**_THOUGHT, "message": f"n-{number}"})):
                    self._told.add(f"n-{number}")

    def heard(self, what: str) -> int:
        """Each is an event, once, or something is counted that is none; how many are."""
        wait_for(self._accounted, PATIENCE, lambda: f"{what}: the listener, silent gap")
        return len(self._told.intersection(self._taken))

    def _accounted(self) -> bool:
        for event in self._store.read(self._looked):
            self._looked = event.seq
            if event.envelope.type == "telemetry.thought":
                message = json.loads(event.envelope.body)["message"]
                assert message not in self._taken or not message.startswith("n-"), message
                self._taken.append(message)
        del self._taken[:-2_000]
        return self._told.issubset(self._taken) or self._drops() > self._dropped

    def _drops(self) -> int:
        return sum(self._kernel._tree.hearing.intake.dropped.values())
