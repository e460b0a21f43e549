"""MCP servers as plugins of a kernel: official ones, and hostile ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.kernel import Kernel
from retinue.plugins.sandbox.probe import probe

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OFFICIAL = Path(sys.prefix) / "mcp"
BASE = Path(sys.base_prefix).resolve()


@pytest.fixture(scope="session", autouse=True)
def walls(missing):
    """Commands run at the level ``strict``, which bubblewrap is needed for."""
    layer = probe().bwrap
    if not layer.there:
        missing("bubblewrap", f"{layer.detail}: {layer.remedy}")


@pytest.fixture(scope="session")
def official(missing):
    """The interpreter of an environment in which the official package is installed."""
    python = OFFICIAL / "bin" / "python"
    if not python.exists():
        missing("the package mcp", "scripts/setup-env")
    return python


@pytest.fixture(scope="session")
def everything(missing):
    """The folder of packages with a server of the npm registry's."""
    if not shutil.which("node") or not shutil.which("npm"):
        missing("Node", "install nodejs and npm")
    locked = (HERE / "everything" / "package-lock.json").read_bytes()
    folder = ROOT / "build" / f"mcp-{hashlib.sha256(locked).hexdigest()[:12]}"
    if not (folder / "node_modules").exists():
        _install(folder, missing)
    return folder / "node_modules"


def _install(folder, missing):
    making = folder.with_suffix(f".{os.getpid()}")
    making.mkdir(parents=True)
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "everything" / name, making)
        npm = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            npm, cwd=making, capture_output=True, text=True, timeout=55, check=False
        )
        if done.returncode:
            missing("server-everything for Node", f"npm ci failed: {done.stderr[-500:]}")
        if not folder.exists():
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


@pytest.fixture(scope="module")
def kernel():
    """One for all tests of a file: what a host gives is tried once."""
    with Kernel() as running:
        yield running


@pytest.fixture
def happened(kernel):
    """``happened(type)``: the bodies of the events of a type, since the test began."""
    began = kernel.last_seq

    def found(kind):
        return [e.data for e in kernel.events(began, follow=False) if e.type == kind]

    return found


class Server:
    """A plugin's folder for a server, to be loaded into a kernel."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    def write(self, command, *, read=(), script=None, runtime="mcp", more=""):
        self.folder.mkdir(exist_ok=True)
        if script is not None:
            shutil.copy(script, self.folder / "server.py")
        head = f'name = "{self.name}"\nversion = "1.0"\nruntime = "{runtime}"\n'
        words, paths = json.dumps([str(w) for w in command]), json.dumps([str(p) for p in read])
        (self.folder / "plugin.toml").write_text(
            f"{head}command = {words}\n{more}\n[permissions]\nread = {paths}\n"
        )

    def load(self, kernel):
        digest = kernel.propose_plugin(self.folder).digest
        return kernel.load_plugin(self.folder, approve=digest, by="the test")

    def view(self, kernel):
        return next(view for view in kernel.plugins() if view.name == self.name)

    def call(self, kernel, tool, args=None, timeout=20.0):
        return kernel.invoke(f"{self.name}.{tool}", args or {}, timeout)


@pytest.fixture
def server(tmp_path, kernel):
    """A folder for a plugin named ``there``, which is unloaded in the end."""
    made = Server(tmp_path / "there", "there")
    yield made
    if any(view.name == "there" and view.digest for view in kernel.plugins()):
        kernel.unload_plugin("there", drain=0.0)


@pytest.fixture
def plain():
    """``plain(mode)``: the words that run the script of a plugin with this interpreter, and what
    they need to read."""
    python = Path(sys.executable).resolve()
    return python, () if Path("/usr") == BASE else (BASE,)


@pytest.fixture
def hostile(server, plain, kernel):
    """``hostile(mode)``: a hostile server, loaded; ``seconds`` are for a call, and for a start."""
    python, read = plain

    def load(mode, more="", seconds=(20.0, 30.0)):
        limits = f"[limits]\ncall_seconds = {seconds[0]}\nstart_seconds = {seconds[1]}\n"
        command = [python, "-S", "{plugin}/server.py", mode]
        script = HERE / "servers" / "hostile.py"
        server.write(command, read=read, script=script, more=limits + more)
        server.load(kernel)
        return server

    return load


@pytest.fixture
def denials(happened):
    """``denials()``: what was refused since the test began."""
    return lambda: [body["detail"] for body in happened("security.denied")]
