"""retinue replay, diff and fork: beside a daemon, after kill -9, and on a journal that was changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

RETINUE = [sys.executable, "-P", "-c", "from retinue.kernel.cli import main; main()"]

AGENTS = """
from retinue.plugins import agent

@agent(tools=["echo.say"])
async def parrot(ctx, text: str) -> str:
    said = await ctx.call("echo.say", text=text)
    ctx.thought(f"it said {said}")
    return said

@agent
async def pair(ctx, texts: list[str]) -> list[str]:
    return [await ctx.ask("parrot", text=text) for text in texts]

@agent
async def deaf(ctx, text: str) -> str:
    await ctx.call("echo.say", text=text)
    return "nothing"
"""


class Folder:
    """A state folder, the daemon in it, and commands on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RETINUE_")}
        self.environment = {**kept, "XDG_CONFIG_HOME": "/nowhere"}
        command = [*RETINUE, "run", "--state-dir", str(path), "--redis", "none"]
        self.daemon = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        )
        assert "is ready" in self.daemon.stdout.readline()

    def __call__(self, *arguments):
        return subprocess.run(
            [*RETINUE, *arguments, "--state-dir", str(self.path)],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            env=self.environment,
        )

    def submit(self, agent, **given):
        done = self("submit", agent, "--input", json.dumps(given), "--wait", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])["run"]

    def log(self, run):
        return [
            json.loads(line) for line in self("log", "--run", run, "--json").stdout.splitlines()
        ]

    def seq(self, run, type):
        return next(event["seq"] for event in self.log(run) if event["type"] == type)

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.communicate(timeout=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A daemon with three agents."""
    path = tmp_path_factory.mktemp("replay")
    made = Folder(path / "state")
    (path / "agents.py").write_text(AGENTS)
    for name in ("parrot", "pair", "deaf"):
        done = made("agents", "spawn", name, f"{path}/agents.py:{name}", "--tool", "echo.say")
        assert done.returncode == 0, done.stderr
    yield made
    made.kill()


def test_a_run_comes_out_again_beside_its_daemon(folder):
    run = folder.submit("pair", texts=["one", "two"])
    done = folder("replay", run, "--offline")
    assert (done.returncode, done.stdout) == (0, "")
    count = len(folder.log(run))
    assert f"{count} of {count} events came out again byte for byte, sha256 " in done.stderr


def test_three_replays_give_one_digest(folder):
    run = folder.submit("parrot", text="hello")
    answers = [json.loads(folder("replay", run, "--json").stdout) for _ in range(3)]
    assert len({answer["sha256"] for answer in answers}) == 1
    assert all(answer["same"] and not answer["given"] for answer in answers)


def test_another_answer_is_named_by_what_follows_from_it(folder):
    run = folder.submit("parrot", text="hello")
    answer, thought = folder.seq(run, "tool.returned"), folder.seq(run, "agent.thought")
    done = folder("replay", run, "--set", f'{answer}.result="hallo"')
    assert done.returncode == 1
    assert done.stdout == (
        f'seq {thought} agent.thought text: recorded "it said hello", replayed "it said hallo"\n'
    )
    told = json.loads(folder("replay", run, "--set", f'{answer}.result="hallo"', "--json").stdout)
    assert (told["divergence"]["seq"], told["divergence"]["field"]) == (thought, "text")


def test_differences_of_two_runs_are_listed(folder):
    first, second = folder.submit("parrot", text="tea"), folder.submit("parrot", text="milk")
    same = folder("diff", first, first)
    assert (same.returncode, same.stdout) == (0, "")
    assert "the runs went the same way" in same.stderr
    done = folder("diff", first, second, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [(f["type"], f["field"]) for f in found][:2] == [
        ("task.submitted", "input.text"),
        ("tool.called", "args.text"),
    ]
    assert len(folder("diff", first, second, "--limit", "1").stdout.splitlines()) == 1


def test_a_fork_goes_on_in_the_daemon(folder):
    run = folder.submit("pair", texts=["one", "two"])
    at = folder.seq(run, "tool.returned")
    done = folder("fork", run, "--at", str(at), "--wait", "--json")
    view = json.loads(done.stdout)
    assert (done.returncode, view["state"], view["result"]) == (0, "succeeded", ["one", "two"])
    begun = folder.log(view["run"])[0]["data"]
    assert (begun["source"], begun["at"]) == (run, at)
    assert folder("replay", view["run"]).returncode == 0
    other = folder("fork", run, "--input", '{"texts": ["three"]}', "--wait")
    assert json.loads(other.stdout) == ["three"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("replay", "r-none"), 66, "no run 'r-none' is in the journal"),
        (("diff", "r-none", "r-none"), 66, "no run 'r-none' is in the journal"),
        (("fork", "r-none"), 66, "no run 'r-none' is in the journal"),
        (("replay", "RUN", "--set", "x=1"), 65, "--set is 'x=1': write SEQ.FIELD=JSON"),
        (("replay", "RUN", "--set", "1.result=no"), 65, "the value of 1.result is not valid JSON"),
        (("replay", "RUN", "--agent", "parrot"), 65, "--agent is 'parrot': write NAME=MODULE:ATTR"),
        (("fork", "RUN", "--at", "999999"), 65, "event 999999 is outside of run"),
        (("fork", "RUN", "--input", "[1]"), 65, "has to be an object"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(folder, arguments, code, said):
    run = folder.submit("parrot", text="hello")
    done = folder(*[run if argument == "RUN" else argument for argument in arguments])
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_after_kill_9_a_replay_needs_no_daemon_and_no_network(tmp_path):
    folder = Folder(tmp_path / "state")
    (tmp_path / "agents.py").write_text(AGENTS)
    folder("agents", "spawn", "deaf", f"{tmp_path}/agents.py:deaf", "--tool", "echo.say")
    try:
        run = folder.submit("deaf", text="a word")
        answer = folder.seq(run, "tool.returned")
    finally:
        folder.kill()
    assert folder("replay", run, "--offline").returncode == 0

    _change(folder.path / "journal.db", answer, "a word", "a wand")
    done = folder("replay", run, "--offline", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 65
    assert [(found["first"], found["kind"]) for found in told["broken"]] == [(answer, "body")]
    assert told["divergence"] is None  # the agent did not heed it

    (tmp_path / "agents.py").write_text(AGENTS.replace('"nothing"', "_dial()") + DIAL)
    dialled = folder("replay", run, "--offline")
    assert "a replay has no network" in dialled.stdout


DIAL = """

def _dial():
    import socket
    socket.create_connection(("127.0.0.1", 9), timeout=1)
"""


def _change(file, seq, old, new):
    with closing(connect(file)) as journal, journal:
        changed = journal.execute(
            "UPDATE events SET body = replace(body, ?, ?) WHERE seq = ?", (old, new, seq)
        )
        assert changed.rowcount == 1
