"""The command line against a daemon that is reached over TCP with TLS and a token, as from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from retinue.bus.views import TaskView
from retinue.kernel.cli import main
from retinue.kernel.tokens import TokenFile

from .conftest import RETINUE, Daemon, environment

OPENSSL = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test "
    "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
)


class Far(NamedTuple):
    """Where the daemon is, and what lets one in."""

    daemon: Daemon
    url: str
    ca: str
    tokens: dict[str, str]
    files: dict[str, str]


@pytest.fixture(scope="module")
def far(tmp_path_factory, missing):
    """A daemon with a certificate, and tokens of two roles in files; the module's tests share it."""
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    folder = tmp_path_factory.mktemp("far")
    subprocess.run(OPENSSL.split(), cwd=folder, check=True, capture_output=True)
    pair = ("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"))
    daemon = Daemon(folder / "state", "--listen", "127.0.0.1:0", *pair)
    try:
        said = daemon.ready()
        tokens = {role: _token(daemon, role) for role in ("viewer", "admin")}
        files = {role: str(folder / role) for role in tokens}
        for role, file in files.items():
            Path(file).write_text(tokens[role] + "\n", encoding="ascii")
        yield Far(daemon, said["url"], str(folder / "cert.pem"), tokens, files)
    finally:
        daemon.kill()


@pytest.fixture
def retinue(far, capfd, monkeypatch, tmp_path):
    """``retinue("status", …)`` as an admin, by flags; no daemon is on this machine."""
    for name in [name for name in os.environ if name.startswith("RETINUE_")]:
        monkeypatch.delenv(name)
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    flags = ["--url", far.url, "--token-file", far.files["admin"], "--ca", far.ca]

    def call(*arguments: str, flags: list[str] = flags) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *flags])
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_a_task_is_submitted_watched_and_explained_from_elsewhere(retinue):
    code, out, _ = retinue("submit", "echo", "--input", '{"text": "far"}', "--wait", "--json")
    assert code == 0
    task = json.loads(out)
    assert task["result"] == {"text": "far"}
    code, out, _ = retinue("tail", "--from", "start", "--no-follow", "--run", task["run"], "--json")
    types = [json.loads(line)["type"] for line in out.splitlines()]
    assert (code, types[0], types[-1]) == (0, "run.started", "run.succeeded")
    assert task["id"] in retinue("why", task["id"])[1]
    assert retinue("tasks", "retry", task["id"])[0] == 0
    assert task["run"] in retinue("runs", "list", "--json")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("agents", "list"),
        ("agents", "show", "echo"),
        ("tasks", "list"),
        ("plugins", "list"),
        ("plugins", "show", "clock"),
        ("plugins", "invoke", "clock.now"),
        ("plugins", "invoke", "echo.say", "--args", '{"text": "hi"}', "--stream"),
        ("approvals", "list"),
        ("elements", "list"),
        ("progressions", "list"),
        ("dead", "list"),
        ("dead", "purge", "--all"),
        ("journal", "show"),
        ("journal", "readers", "list"),
    ],
    ids=" ".join,
)
def test_what_speaks_to_a_daemon_speaks_to_one_elsewhere(retinue, arguments):
    code, _, err = retinue(*arguments)
    assert (code, "folder" in err) == (0, False), err


@pytest.mark.parametrize(
    "arguments",
    [
        ("tokens", "list"),
        ("tokens", "create", "x", "--role", "admin"),
        ("console",),
        ("log",),
        ("audit",),
        ("verify",),
        ("diff", "r-1", "r-2"),
        ("replay", "r-1"),
        ("plugins", "load", "."),
        ("agents", "spawn", "x", "here.py:x"),
    ],
    ids=" ".join,
)
def test_what_needs_the_machine_itself_says_so_in_one_line(retinue, far, arguments, tmp_path):
    code, out, err = retinue(*arguments)
    assert (code, out, err.count("\n")) == (65, "", 1)
    assert f"{far.url} is a daemon elsewhere: run it on that machine, without --url" in err
    assert not (tmp_path / "retinue").exists()


def test_the_environment_says_it_as_well_and_a_flag_wins(retinue, far, monkeypatch, tmp_path):
    monkeypatch.setenv("RETINUE_URL", far.url)
    monkeypatch.setenv("RETINUE_TOKEN", far.tokens["viewer"])
    monkeypatch.setenv("RETINUE_CA", far.ca)
    assert retinue("status", flags=[])[0] == 0
    code, _, err = retinue("stop", flags=[])
    assert (code, "is viewer, and this takes admin" in err) == (77, True)
    code, _, err = retinue("tokens", "list", flags=[])
    assert (code, "RETINUE_URL" in err) == (65, True)
    code, _, err = retinue("status", flags=["--state-dir", str(tmp_path / "none")])
    assert (code, "no daemon runs in" in err) == (69, True)
    assert retinue("config", "show", flags=[])[0] == 0


@pytest.mark.parametrize(
    ("flags", "code", "word"),
    [
        (["--url", "URL", "--ca", "CA"], 65, "--token-file"),
        (["--url", "URL", "--token-file", "VIEWER"], 69, "--ca"),
        (["--url", "URL", "--token-file", "/none", "--ca", "CA"], 66, "cannot read the token"),
        (["--url", "URL", "--token-file", "CA", "--ca", "CA"], 65, "no token"),
        (["--url", "URL", "--token-file", "VIEWER", "--ca", "VIEWER"], 65, "no certificates"),
        (["--url", "URL", "--state-dir", "/tmp"], 65, "one of them"),
        (["--token-file", "VIEWER"], 65, "--url"),
        (["--url", "https://u:secret@h", "--token-file", "VIEWER"], 65, "out of it"),
        (["--url", "https://h:port", "--token-file", "VIEWER"], 65, "https://HOST:PORT"),
        (["--url", "https://h/x?y", "--token-file", "VIEWER"], 65, "https://HOST:PORT"),
        (["--url", "http://retinue.example", "--token-file", "VIEWER"], 65, "in clear"),
    ],
)
def test_what_does_not_go_together_is_one_line(retinue, far, flags, code, word):
    real = {"URL": far.url, "CA": far.ca, "VIEWER": far.files["viewer"]}
    found, out, err = retinue("status", flags=[real.get(flag, flag) for flag in flags])
    assert (found, out, err.count("\n"), word in err) == (code, "", 1, True), err
    assert far.tokens["viewer"] not in err
    assert "secret" not in err


def test_the_address_that_is_told_says_how_it_is_spoken_to(far, retinue):
    assert far.url.startswith("https://127.0.0.1:")
    assert json.loads(retinue("status", "--json")[1])["url"] == far.url


def test_a_token_is_no_argument():
    shown = subprocess.run(
        [*RETINUE, "status", "--help"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    assert "--token-file FILE" in shown
    assert "--token " not in shown


def test_doctor_looks_at_the_daemon_elsewhere(retinue, far):
    _, out, _ = retinue("doctor", "--json")
    found = {one["check"]: one for one in map(json.loads, out.splitlines())}
    assert found["daemon"]["state"] == "ok"
    assert far.url in found["daemon"]["found"]
    assert not {"state folder", "journal"} & set(found)


def test_the_shell_completes_from_elsewhere(far):
    done = subprocess.run(
        RETINUE,
        env=environment(
            _RETINUE_COMPLETE="bash_complete",
            COMP_WORDS=f"retinue plugins show --url {far.url} --ca {far.ca} cl",
            COMP_CWORD="7",
            RETINUE_TOKEN=far.tokens["viewer"],
        ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "plain,clock\n", done.stderr


def test_a_client_of_mcp_is_served_from_elsewhere(far):
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _HELLO}
    done = subprocess.run(
        [*RETINUE, "mcp", "serve", "--url", far.url, "--ca", far.ca],
        input=json.dumps(asked) + "\n",
        env=environment(RETINUE_TOKEN=far.tokens["admin"]),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "retinue", done.stderr


def test_stop_waits_until_it_is_gone(far, start, tmp_path):
    daemon = start("--listen", "127.0.0.1:0")
    url = daemon.ready()["url"]
    done = subprocess.run(
        [*RETINUE, "stop", "--url", url, "--json"],
        env=environment(RETINUE_TOKEN=_token(daemon, "admin")),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert json.loads(done.stdout) == {"stopped": True, "pid": daemon.process.pid}
    assert daemon.ended()[0] == 0


def test_a_daemon_starts_though_its_own_shell_names_another(start):
    daemon = start(RETINUE_URL="https://elsewhere.example", RETINUE_TOKEN="rtn_of_elsewhere_00000")
    daemon.ready()
    task = daemon.submit("echo", text="rtn_of_elsewhere_00000")
    daemon.client.get(f"/v1/tasks/{task.id}/wait", TaskView, {"wait": 30})
    assert "rtn_of_elsewhere" not in str([e.data for e in _events(daemon)])


def _events(daemon):
    return list(daemon.client.events({"from": "start", "follow": False, "type": "task.*"}))


def _token(daemon: Daemon, role: str) -> str:
    return TokenFile(daemon.folder).create(f"{role}-of-tests", role)


_HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
