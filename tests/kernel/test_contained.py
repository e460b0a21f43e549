"""What serves observers and housekeeping may fail as it likes: the kernel works, and says so."""

from __future__ import annotations

import pytest
import redis

from retinue.actors.bus import BusActor
from retinue.actors.inbound import TelemetryDesk
from retinue.actors.listener import ListenerActor
from retinue.actors.retention import Keeper, Trim
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.redis.mirror import Mirror
from retinue.kernel import Config, Kernel
from retinue.kernel.commits import Contained
from retinue.kernel.config import DialectsConfig, JournalConfig, LiveLogsConfig, ObserversConfig

pytestmark = pytest.mark.redis

SERVING = {
    "bus": BusActor,
    "listener": ListenerActor,
    "telemetry": TelemetryDesk,
    "retention": Keeper,
}
FAULTS = 6
"""More than a supervisor allows its children together."""


class Fault(BaseException):
    """Nobody catches it by its class."""


@pytest.fixture
def kernel(tmp_path_factory):
    config = Config(
        observers=ObserversConfig(dialects=DialectsConfig(live_logs=LiveLogsConfig(inbound=True))),
        journal=JournalConfig(max_events=10, trim_every=1.0),
    )
    with Kernel(redis="auto", state_dir=tmp_path_factory.mktemp("k"), config=config) as kernel:
        yield kernel


@pytest.mark.parametrize("name", SERVING)
def test_an_actor_that_serves_observers_or_keeps_house_takes_nobody_along_when_it_fails(
    kernel, monkeypatch, wait_until, name
):
    broken = [FAULTS]
    receive = SERVING[name].on_receive

    def fails(self, message):
        if message == "a fault" and broken[0]:
            raise Fault("a fault")
        return None if message == "a fault" else receive(self, message)

    monkeypatch.setattr(SERVING[name], "on_receive", fails)
    monkeypatch.setattr("retinue.actors.supervision._APART.__class__.delay", lambda *_: 0.001)
    ref = kernel._tree.system.find(name)
    for _ in range(FAULTS):
        ref.tell("a fault")
    wait_until(lambda: ref.statistics().restarts == FAULTS)
    broken[0] = 0
    assert _echo(kernel) == "well"
    told = [event.data for event in _events(kernel, "kernel.supervised")]
    assert [(one["actor"], one["kind"]) for one in told] == [(name, "Fault")] * FAULTS
    assert ref.statistics().state in ("running", "idle")


def test_a_fault_of_the_mirror_is_a_degraded_bus_and_over_when_the_fault_is(
    kernel, monkeypatch, wait_until
):
    broken = [True]
    take = kernel._tree.mirror[1]._outbox.take

    def fails(*args, **options):
        if broken[0]:
            raise RuntimeError("a fault")
        return take(*args, **options)

    monkeypatch.setattr(kernel._tree.mirror[1]._outbox, "take", fails)
    assert _echo(kernel) == "well"
    wait_until(lambda: kernel.status().bus.state == "degraded")
    assert kernel.status().bus.reason == "RuntimeError: a fault"
    assert _echo(kernel) == "well"
    broken[0] = False
    wait_until(lambda: kernel.status().bus.state == "live")
    wait_until(lambda: kernel.status().bus.pending == 0)
    status = kernel.status().bus
    with redis.Redis.from_url(status.url) as client:
        entries = client.xrange("retinue:{main}:log")
    assert [int(entry.partition(b"-")[0]) for entry, _ in entries[:-1]] == list(
        range(1, len(entries))
    )


def test_a_listener_of_commits_that_fails_is_told_of_and_the_journal_goes_on(monkeypatch):
    def fails(self, events):
        raise RuntimeError("a fault")

    monkeypatch.setattr(Mirror, "offer", fails)
    with Kernel(redis="auto") as kernel:
        for _ in range(FAULTS):
            assert _echo(kernel) == "well"
        (told,) = _events(kernel, "kernel.supervised")
    assert (told.data["actor"], told.data["cause"]) == ("the mirror", "a fault")


def test_what_goes_on_failing_is_told_of_once_a_minute():
    said, now = [], [0.0]

    def fails(events):
        raise RuntimeError("a fault")

    contained = Contained("x", fails, said.append, lambda: now[0])
    for moment in (0.0, 59.0, 61.0, 62.0):
        now[0] = moment
        contained(())
    assert len(said) == 2


def test_a_round_of_the_keeper_that_fails_answers_who_asked_and_the_next_one_goes_well(
    kernel, monkeypatch, wait_until
):
    wanted, broken = SqliteStore.wanted, [True]

    def fails(self, bounds, now):
        if broken[0]:
            raise RuntimeError("a fault")
        return wanted(self, bounds, now)

    monkeypatch.setattr(SqliteStore, "wanted", fails)
    keeper = kernel._tree.system.find("retention")
    asked = [keeper.ask(Trim(), block=False) for _ in range(2)]
    for reply in asked:
        with pytest.raises(RuntimeError, match="a fault"):
            reply.get(timeout=10)
    wait_until(lambda: kernel.journal.view().trouble == "a fault")
    broken[0] = False
    assert keeper.ask(Trim(), timeout=10).first >= 1
    assert kernel.journal.view().trouble == ""


def _echo(kernel):
    return kernel.submit("echo", {"text": "well"}).result(timeout=10)["text"]


def _events(kernel, kind):
    return [event for event in kernel.events("start", follow=False) if event.type == kind]
