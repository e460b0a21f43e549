"""Nothing that is tried succeeds, as root and as an unprivileged user, and the host knows of it."""

from __future__ import annotations

import pytest

from retinue.plugins.attacks.folders import FOLDERS
from retinue.plugins.attacks.hostile import files, memory, network, processes, raw
from retinue.plugins.attacks.silence import silent

ALL = {
    *FOLDERS,
    *files.ATTACKS,
    *memory.ATTACKS,
    *network.ATTACKS,
    *processes.ATTACKS,
    *raw.AT_START,
    *raw.AFTER,
    *raw.FLOODS,
}
FLOODED = "protocol: requests that are refused"


@pytest.fixture(params=["mine", "nobody"])
def run(request, runs, missing):
    found = runs[request.param]
    if found is None:
        missing("an unprivileged user", "run the tests as root, with Debian's python3")
    return found


def test_every_attack_is_refused_for_root_and_for_nobody(run):
    assert {run.name(o) for o in run.outcomes} == ALL
    assert {run.name(o): o["said"] for o in run.outcomes if not o["refused"]} == {}
    assert run.code == 0


def test_every_refusal_is_told_but_for_those_that_linux_keeps_to_itself(run):
    untold = {run.name(o) for o in run.outcomes if not o.get("events")}
    assert untold == {name for name in ALL if silent(name)}


def test_an_attack_gives_one_security_event(run):
    # A program is started by vfork, and by fork where that is refused; a flood is summed up each second;
    # progress without an end is told while it floods, and when it is over what a call may send back.
    several = {"processes: start a program", FLOODED, "protocol: endless progress"}
    many = {run.name(o): o["events"] for o in run.outcomes if len(o.get("events", ())) > 1}
    assert set(many) <= several, many


def test_an_honest_neighbour_is_answered_meanwhile(run):
    assert run.summary["tried"] == run.summary["refused"] == len(ALL)
    assert 0 < run.summary["ping_p50_ms"] <= run.summary["ping_p99_ms"]
