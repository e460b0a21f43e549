"""kill -9 at each step of a cut: the next start knows what the last one knew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from retinue.bus.journal import Filter
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.verify import verify
from retinue.kernel.recovery import folded_from

from .conftest import House
from .test_kernel import adds, done, fails, there

KEEP = 1_000_000

CUTS = """
import os, shutil, signal, sys
from retinue.bus.journal.sqlite import SqliteStore
from retinue.kernel import Config, Kernel
from retinue.kernel.config import JournalConfig

class Dies(SqliteStore):
    left = 0

    def step(self):
        Dies.left -= 1
        if Dies.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def append(self, envelopes):
        ours = any(e.type in ("kernel.state", "kernel.trimmed") for e in envelopes)
        if ours:
            self.step()
        events = super().append(envelopes)
        if ours:
            self.step()
        return events

    def cut(self, *args):
        self.step()
        removed = super().cut(*args)
        self.step()
        return removed

    def vacuum(self, *args):
        self.step()
        return super().vacuum(*args)

    def write_back(self):
        super().write_back()
        self.step()

def cut(folder, step):
    Dies.left = step
    journal = JournalConfig(max_events=100)
    kernel = Kernel(config=Config(journal=journal), store=Dies(folder + "/journal.db", "NORMAL"))
    kernel.start()
    kernel.journal.trim()
    kernel.close(drain=0.0)

filled, into, step, status = sys.argv[1], sys.argv[2], 0, signal.SIGKILL
while status == signal.SIGKILL:
    step += 1
    folder = shutil.copytree(filled, into + "/" + str(step))
    child = os.fork()
    if child == 0:
        try:
            cut(folder, step)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    status = os.waitpid(child, 0)[1]
    print(step, status, flush=True)
"""
"""Copies a folder, and cuts its journal in a kernel that is killed at step 1; then 2; until one lives."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder with a journal that was never cut, of 3,000 events and more, and nothing open."""
    folder = tmp_path_factory.mktemp("filled")
    house = House(folder)
    kernel = house.kernel()
    there(kernel, "adds", adds)
    there(kernel, "fails", fails)
    for n in range(100):
        kernel.elements.create({"n": n, "text": "x" * 1_000})
    failed = kernel.submit("fails", {"why": "no"})
    kernel.settle()
    assert failed.state == "failed"
    done(kernel, 500)
    house.close()
    return folder


def known(folder):
    """What a start on the folder finds: a fold from scratch, without its snapshots."""
    shutil.rmtree(folder / "snapshots", ignore_errors=True)
    with closing(SqliteStore(folder / "journal.db", "NORMAL")) as store:
        folded = folded_from(store, KEEP)
        first = store.first
    failed = [task for task in folded.table.tasks.values() if task.state == "failed"]
    return first, {
        "counts": folded.table.counts(),
        "elements": [element.content for element in folded.pile.snapshot()],
        "states": folded.states,
        "agents": sorted(folded.agents),
        "failed": [(task.id, task.error) for task in failed],
    }


@pytest.fixture(scope="module")
def killed(filled, tmp_path_factory):
    """A folder for each step of a cut, in which a kernel was killed there; the last one was not."""
    into = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-P", "-c", CUTS, str(filled), str(into)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    ended = [line.split() for line in done.stdout.splitlines()]
    assert [status for _, status in ended] == ["9"] * (len(ended) - 1) + ["0"], done.stderr
    return [into / step for step, _ in ended]


def test_a_kernel_killed_at_any_step_of_a_cut_comes_back_with_what_it_knew(filled, killed):
    first, before = known(filled)
    assert first == 1
    oldest = set()
    for folder in killed:
        assert verify(folder / "journal.db").ok
        first, after = known(folder)
        assert after == before, folder.name
        oldest.add(first)
    assert len(oldest) >= 3
    assert len(killed) > 12


def test_what_a_killed_cut_left_is_finished_by_the_next(filled, killed):
    _, before = known(filled)
    for folder in killed[::3]:
        again = House(folder)
        trimmed = again.kernel(max_events=100).journal.trim()
        again.close()
        first, after = known(folder)
        assert (after, first) == (before, trimmed.first)
        assert first > 2_000
        assert verify(folder / "journal.db").ok


def test_a_journal_that_was_cut_without_a_checkpoint_is_refused(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "cut")
    with closing(SqliteStore(folder / "journal.db", "NORMAL")) as store:
        store.cut(1_500)
        first = store.first
    with pytest.raises(Exception, match=f"events 1 to {first - 1} are gone, and no checkpoint"):
        known(folder)
    with closing(SqliteStore(folder / "journal.db", "NORMAL")) as store:
        assert next(store.read(0, Filter())).seq == first
