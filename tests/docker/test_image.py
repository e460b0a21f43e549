"""The Dockerfile and compose.yaml: linted, valid, and their steps done in plain folders for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import dockerfile
import pytest
from ruamel.yaml import YAML

from retinue.kernel.client import Client
from retinue.kernel.config import Config
from retinue.kernel.settings import load

from .image import ROOT, Image, build, environment, ignored, rules_of

ROOT_FOLDER = Path(__file__).parents[2]
DOCKERFILE = ROOT_FOLDER / "Dockerfile"
COMPOSE = YAML(typ="safe").load((ROOT_FOLDER / "compose.yaml").read_text())
TOKEN = "0123456789abcdef" * 4
TIMEOUT = 240  # the first of them builds the image
BASELINE = {"RETINUE_SANDBOX_LEVEL": "baseline", "RETINUE_SANDBOX_MINIMUM": "baseline"}


def test_hadolint_finds_nothing_in_the_dockerfile():
    assert _tool("hadolint", str(DOCKERFILE)) == ""


def test_compose_is_valid_by_its_schema():
    said = _tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    assert "ok" in said


def test_the_last_stage_is_nobodys_who_could_change_it_and_is_told_of_its_end():
    steps = dockerfile.parse_file(str(DOCKERFILE))
    last = list(steps[max(i for i, s in enumerate(steps) if s.cmd == "FROM") :])
    said = {step.cmd: step for step in last}
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said["USER"].value[0])
    assert said["ENTRYPOINT"].json and said["CMD"].json and said["HEALTHCHECK"].json  # noqa: PT018
    assert said["STOPSIGNAL"].value == ("SIGTERM",)
    assert said["VOLUME"].value == ("/data",)
    positions = [step.cmd for step in last]
    assert positions.index("USER") > max(i for i, name in enumerate(positions) if name == "RUN")


def test_nothing_but_what_the_wheel_is_made_of_gets_into_the_context():
    rules = rules_of(ROOT_FOLDER)
    for path in (".git", ".venv", "secrets", "secrets/retinue_token", "tests", "docs", "x.pem",
                 "kernel/__pycache__", "kernel/api/__pycache__/x.pyc", ".env", "build"):  # fmt: skip
        assert ignored(path, rules), path
    for path in ("kernel/api/app.py", "setup.cfg", "plugins/console/static/index.html", "LICENSE"):
        assert not ignored(path, rules), path


def test_redis_is_reached_by_nobody_else_and_no_token_is_in_the_file():
    redis, ours = COMPOSE["services"]["redis"], COMPOSE["services"]["retinue"]
    assert "ports" not in redis
    assert [COMPOSE["networks"][name]["internal"] for name in redis["networks"]] == [True]
    assert set(redis["networks"]) < set(ours["networks"])
    assert all(port.startswith("127.0.0.1:") for port in ours["ports"])
    for service in (redis, ours):
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "no-new-privileges:true" in service["security_opt"]
    file = ours["environment"]["RETINUE_API_ADMIN_TOKEN_FILE"]
    assert file.removeprefix("/run/secrets/") in ours["secrets"]
    assert list(COMPOSE["secrets"]) == ours["secrets"]
    assert COMPOSE["secrets"]["retinue_token"] == {"file": "./secrets/retinue_token"}
    assert "/secrets/" in (ROOT_FOLDER / ".gitignore").read_text().splitlines()


def test_its_environment_is_settings_and_its_grace_longer_than_the_drain():
    ours = COMPOSE["services"]["retinue"]
    config, origins = load(environ=ours["environment"])
    assert len(origins) == len(ours["environment"])
    assert int(ours["stop_grace_period"].removesuffix("s")) > config.drain
    assert ours["command"][:3] == ["run", "--listen", f"0.0.0.0:{ours['ports'][0].split(':')[2]}"]
    assert Config().name == "main"


@pytest.fixture(scope="module")
def image(tmp_path_factory, missing) -> Image:
    """What the Dockerfile makes, in a plain folder."""
    if shutil.which("bwrap") is None:
        missing("bubblewrap", "apt-get install bubblewrap")
    folder = tmp_path_factory.mktemp("image")
    for one in (folder, *folder.parents):  # the image's user has to get there
        if one.stat().st_uid == os.geteuid() and one != Path("/tmp"):
            one.chmod(one.stat().st_mode | 0o011)
    return build(ROOT_FOLDER, folder)


@pytest.fixture
def contained(image):
    """``contained(command, env, *flags)``: a process of the image; all are ended afterwards."""
    running = []

    def start(command, env=None, *flags):
        run = image.inside(command, *flags, read_only=True)
        own = environment({**image.env, **(env or {})})
        process = subprocess.Popen(
            run,
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT)
def test_the_image_runs_as_nobody_is_healthy_and_ends_when_it_is_told(image, contained):
    data = image.folder / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    volume = ("--bind", str(data), "/data")
    unhealthy = contained(image.health, {}, *volume)
    assert unhealthy.wait(30) == 69
    daemon = contained(image.command, {}, *volume)
    ready = daemon.stdout.readline()
    pid = int(re.search(r"pid (\d+)", ready)[1])
    if ROOT:
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^Uid:\s+10001\s+10001", status, re.MULTILINE)
    assert contained(image.health, {}, *volume).wait(30) == 0
    submit = ["retinue", "submit", "echo", "--input", '{"text": "hi"}', "--wait"]
    assert json.loads(contained(submit, {}, *volume).communicate(timeout=30)[0]) == {"text": "hi"}
    os.kill(pid, signal.SIGTERM)
    assert daemon.wait(30) == 0
    log = [json.loads(line) for line in daemon.stderr.read().splitlines()]
    assert any("stopping" in line["message"] for line in log)
    assert (data / "journal.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT)
def test_the_composed_daemon_takes_the_token_of_the_secret(image, contained, tmp_path):
    ours = COMPOSE["services"]["retinue"]
    port = _free_port()
    command = [word.replace("8787", str(port)) for word in ours["command"]]
    secret = tmp_path / "retinue_token"
    secret.write_text(TOKEN + "\n")
    secret.chmod(0o444)
    state = image.folder / "data"
    mounts = ("--bind", str(state), "/data", "--ro-bind", str(secret), "/run/secrets/retinue_token")
    env = {**ours["environment"], "RETINUE_REDIS": "none"}
    daemon = contained([*image.said["ENTRYPOINT"], *command], env, *mounts)
    assert "is ready" in daemon.stdout.readline()
    for name in ("localhost", "127.0.0.1"):
        client = Client(url=f"http://{name}:{port}", token=TOKEN)
        assert client.get("/v1/me", dict)["role"] == "admin"
    assert client.submit("echo", {"text": "hi"}, wait=30).result == {"text": "hi"}


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT)
def test_what_an_engines_default_profile_keeps_from_plugins_is_told_and_can_be_done_without(
    image, contained
):
    volume = ("--bind", str(image.folder / "data"), "/data")
    deny = ["python", "-c", Path(__file__).with_name("deny.py").read_text()]

    def ran(env, *words):
        process = contained([*deny, "retinue", *words], env, *volume)
        out, said = process.communicate(timeout=60)
        return process.returncode, out, said

    told = {
        one["check"]: one for one in map(json.loads, ran({}, "doctor", "--json")[1].splitlines())
    }
    assert (told["seccomp"]["state"], told["landlock"]["state"]) == ("ok", "ok")
    assert "unshare user mnt net ipc uts: Operation not permitted" in told["namespaces"]["found"]
    assert "this host gives 'baseline'" in told["plugins"]["found"]
    assert ran({}, "plugins", "new", "words")[0] == 0
    for env, code in (({}, 65), (BASELINE, 0)):
        daemon = contained([*deny, "retinue", "run", "--redis", "none"], env, *volume)
        pid = int(re.search(r"pid (\d+)", daemon.stdout.readline())[1])
        found, out, said = ran(env, "plugins", "load", "words", "--yes", "--json")
        assert found == code, said
        assert ('"level":"baseline"' in out) is (code == 0)
        os.kill(pid, signal.SIGTERM)
        assert daemon.wait(30) == 0


def _free_port() -> int:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        return taken.getsockname()[1]


def _tool(name: str, *arguments: str) -> str:
    """What it says; fails with that when it is not content."""
    path = Path(sys.executable).with_name(name)
    done = subprocess.run(
        [str(path), *arguments], cwd=ROOT_FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
