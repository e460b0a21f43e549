"""Bad input: one clear line on stderr, the right exit code, and nothing on stdout."""

from __future__ import annotations

import subprocess
import sys

import pytest

REFUSED = [
    (["sumbit"], 64, ["'sumbit'", "'submit'"]),
    (["submit"], 64, ["Missing argument 'AGENT'", "retinue submit --help"]),
    (["submit", "echo", "--nope"], 64, ["--nope"]),
    (["submit", "echo", "--priority", "10"], 64, ["0 to 9", "9 is the most urgent"]),
    (["submit", "echo", "--priority", "-1"], 64, ["0 to 9"]),
    (["submit", "echo", "--priority", "high"], 64, ["0 to 9"]),
    (["submit", "echo", "--deadline", "0"], 64, ["--deadline"]),
    (["submit", "echo", "--deadline", "soon"], 64, ["--deadline", "soon"]),
    (["submit", "echo", "--input", '{"text": '], 65, ["input is not valid JSON", "@FILE"]),
    (["submit", "echo", "--input", "[1]"], 65, ["has to be an object"]),
    (["submit", "echo", "--input", '{"a": NaN}'], 65, ["not valid JSON"]),
    (["submit", "echo", "--input", "[" * 100_000], 65, ["not valid JSON"]),
    (["submit", "echo", "--input", "@/nowhere.json"], 66, ["/nowhere.json", "No such file"]),
    (["tasks", "list", "--limit", "0"], 64, ["--limit"]),
    (["tasks", "shwo"], 64, ["shwo"]),
    (["tail", "--from", "yesterday"], 64, ["yesterday", "start, now"]),
    (["tail", "--from", "0"], 64, ["from 1 upwards"]),
    (["log", "--since", "yesterday"], 65, ["'yesterday' is no time", "10m"]),
    (["log", "--after", "-1"], 64, ["--after"]),
    (["log", "--limit", "0"], 64, ["--limit"]),
    (["why"], 64, ["Missing argument 'ID'"]),
    (["dead", "purge"], 65, ["--all"]),
    (["dead", "purge", "t-1", "--all"], 65, ["--all"]),
    (["plugins", "invoke", "clock.now", "--args", "3"], 65, ["JSON object"]),
    (["elements", "create", "{"], 65, ["content is not valid JSON"]),
    (["elements", "create", "1", "--metadata", "[]"], 65, ["JSON object"]),
    (["completion", "tcsh"], 64, ["tcsh"]),
    (["run", "--name", "No Spaces"], 78, ["--name", "lower-case"]),
    (["run", "--redis", "http://host"], 78, ["--redis", "none, auto, or a URL"]),
    (["run", "--listen", "8787"], 78, ["--listen", "HOST:PORT"]),
    (["run", "--listen", "0.0.0.0:8787"], 78, ["0.0.0.0:8787", "token"]),
    (["run", "--log-level", "loud"], 78, ["--log-level", "debug, info, warning, error"]),
    (["run", "--config", "/nowhere.toml"], 78, ["/nowhere.toml"]),
    (["status", "--config", "/nowhere.toml"], 78, ["/nowhere.toml"]),
]

NEEDS_A_DAEMON = [
    ["status"],
    ["top", "--once"],
    ["top", "--json"],
    ["stop"],
    ["submit", "echo"],
    ["tasks", "list"],
    ["tasks", "show", "t-1"],
    ["tasks", "cancel", "t-1"],
    ["tasks", "retry", "t-1"],
    ["runs", "list"],
    ["runs", "show", "r-1"],
    ["runs", "cancel", "r-1"],
    ["agents", "list"],
    ["agents", "spawn", "a", "m:a"],
    ["agents", "show", "a"],
    ["agents", "stop", "a"],
    ["plugins", "list"],
    ["plugins", "show", "files"],
    ["plugins", "invoke", "clock.now"],
    ["tail"],
    ["dead", "redrive", "t-1"],
    ["dead", "purge", "t-1"],
    ["dead", "purge", "--all"],
    ["elements", "create", "1"],
    ["elements", "list"],
    ["elements", "show", "e-1"],
    ["progressions", "create"],
    ["progressions", "append", "p-1", "e-1"],
    ["progressions", "list"],
    ["progressions", "show", "p-1"],
]


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED, ids=lambda v: str(v)[:40])
def test_bad_input_is_refused_in_one_line_with_its_exit_code(retinue, arguments, code, words):
    said = retinue(*arguments)
    assert said.code == code
    assert said.out == ""
    assert said.err.startswith("retinue: ")
    assert said.err.count("\n") == 1
    assert [word for word in words if word not in said.err] == []


NEEDS_A_JOURNAL = [
    ["log"],
    ["log", "--timeline"],
    ["why", "t-1"],
    ["audit"],
    ["verify"],
    ["dead", "list"],
    ["dead", "show", "t-1"],
]


@pytest.mark.parametrize("arguments", NEEDS_A_DAEMON, ids=" ".join)
def test_without_a_daemon_a_command_says_where_it_looked_and_how_to_start_one(
    retinue, tmp_path, arguments
):
    said = retinue(*arguments, "--state-dir", tmp_path)
    assert (said.code, said.out) == (69, "")
    assert said.err == (
        f"retinue: no daemon runs in {tmp_path}: start one with `retinue run`, "
        "or name its --state-dir\n"
    )


@pytest.mark.parametrize("arguments", NEEDS_A_JOURNAL, ids=" ".join)
def test_without_a_journal_a_command_says_where_it_looked(retinue, tmp_path, arguments):
    said = retinue(*arguments, "--state", tmp_path)
    assert (said.code, said.out) == (66, "")
    assert said.err == (
        f"retinue: there is no journal in {tmp_path}: start a kernel there with `retinue run`, "
        "or name another --state-dir\n"
    )


def test_a_file_that_is_no_journal_is_said_to_be_none(retinue, tmp_path):
    (tmp_path / "journal.db").write_text("a diary\n" * 100)
    said = retinue("log", "--state-dir", tmp_path)
    assert (said.code, said.out, said.err.count("\n")) == (65, "", 1)
    assert str(tmp_path / "journal.db") in said.err


def test_a_socket_that_nobody_listens_on_is_no_daemon(retinue, tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "retinue.sock"))
    said = retinue("status", "--state-dir", tmp_path)
    assert said.code == 69
    assert "no daemon runs" in said.err


def test_the_folder_is_taken_from_the_environment_too(retinue, tmp_path, monkeypatch):
    monkeypatch.setenv("RETINUE_STATE_DIR", str(tmp_path / "mine"))
    assert str(tmp_path / "mine") in retinue("status").err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *[
            [c, "--help"]
            for c in ("run", "status", "top", "doctor", "stop", "submit", "tail", "log", "why")
        ],
        *[
            [c, "--help"]
            for c in ("tasks", "runs", "agents", "plugins", "elements", "config", "dead")
        ],
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(retinue, arguments):
    said = retinue(*arguments)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Usage: retinue")


def test_without_a_command_the_commands_are_listed_on_stderr(retinue):
    said = retinue()
    assert (said.code, said.out) == (64, "")
    assert "submit" in said.err


def test_the_version_is_told(retinue):
    assert retinue("--version").out.startswith("retinue 0.")


def test_settings_are_shown_with_their_origin_one_object_a_line(retinue, monkeypatch):
    import json

    monkeypatch.setenv("RETINUE_REDIS", "redis://:hunter2@host")
    said = retinue("config", "show", "--origin", "--json")
    shown = {line["name"]: line for line in map(json.loads, said.out.splitlines())}
    assert shown["redis"] == {
        "name": "redis",
        "value": "redis://:***@host",
        "origin": "RETINUE_REDIS",
    }
    assert "hunter2" not in said.out
    assert shown["drain"] == {"name": "drain", "value": 10.0, "origin": "default"}


def test_settings_are_shown_without_their_origin_unless_asked(retinue):
    assert "ORIGIN" not in retinue("config", "show").out
    assert "ORIGIN" in retinue("config", "show", "--origin").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_for_each_shell(retinue, shell):
    assert "_RETINUE_COMPLETE" in retinue("completion", shell).out


def test_help_loads_no_heavy_package_and_no_kernel():
    program = (
        "import sys\nfrom retinue.kernel.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    heavy = {
        "redis",
        "starlette",
        "uvicorn",
        "rich",
        "pykka",
        "openai",
        "asyncio",
        "retinue.kernel.tree",
    }
    assert heavy & set(done.stderr.split()) == set()


def test_a_reader_that_has_seen_enough_is_no_error():
    program = "import sys; from retinue.kernel.cli import main; main(['config', 'show'])"
    done = subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    done.stdout.close()
    assert done.stderr.read() == b""
    done.stderr.close()
    assert done.wait(60) == 141
