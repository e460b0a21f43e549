"""What the kernel has answered for outlives its process."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from retinue.bus.journal import Filter
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
