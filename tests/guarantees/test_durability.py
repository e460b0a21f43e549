"""What the kernel has answered for outlives its process."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from retinue.bus.journal import Filter
from retinue.bus.journal.verify import verify
from retinue.bus.messages import TERMINAL_RUN
from retinue.kernel import Kernel

AGENT = """
from retinue.plugins import agent

@agent
async def shout(ctx, text: str) -> str:
    return text.upper()
"""
KILLED = """
import os, signal, sys
from retinue.kernel import Kernel
from retinue.plugins import AgentSpec

kernel = Kernel(state_dir=sys.argv[1]).start()
kernel.spawn("shout", AgentSpec.load(sys.argv[2]))
for text in "abcdefgh"[: int(sys.argv[3])]:
    os.write(1, f"{kernel.submit('shout', {'text': text}).id}\\n".encode())
os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_IN_A_COMMIT = """
import os, signal, sys
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import envelopes

store, left = SqliteStore(sys.argv[1]), int(sys.argv[2])

def begins(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

store._writer.set_trace_callback(begins)
while True:
    store.append(envelopes(10, start=store.last + 1))
    print(store.last, flush=True)
"""


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_what_was_accepted_outlives_a_kill_9_and_ends_after_the_next_start(tmp_path, count):
    (tmp_path / "team.py").write_text(AGENT)
    state = tmp_path / "state"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, state, f"{tmp_path}/team.py:shout", str(count)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    accepted = killed.stdout.split()
    assert len(accepted) == count
    with Kernel(state_dir=state) as kernel:
        handles = [kernel.handle(task) for task in accepted]
        assert [h.result(timeout=20) for h in handles] == list("ABCDEFGH")[:count]
        for handle in handles:
            types = [e.type for e in kernel.events(only=Filter(run=handle.run), follow=False)]
            assert [t for t in types if t in TERMINAL_RUN] == ["run.succeeded"]


def test_a_writer_killed_at_any_statement_has_kept_whole_groups_and_all_it_answered_for(tmp_path):
    path, accepted = tmp_path / "journal.db", 0
    for statement in (2, 6, 11, 12, 13, 14, 20, 40):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_IN_A_COMMIT, path, str(statement)],
            stdout=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        accepted = max([accepted, *map(int, killed.stdout.split())])
        report = verify(path)
        assert (report.ok, report.last % 10) == (True, 0), report.findings
        assert report.last >= accepted
    assert accepted > 0
