"""A call of an MCP server's tool beside the official client's; a part of the bench ``plugins``.

Both call the same small server with 64 bytes; ours stands behind every wall.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from plugins_den import TOGETHER, one_processor

from retinue.bus.clock import SystemClock
from retinue.plugins import ToolContext
from retinue.plugins.hosting.interpreter import this_interpreter
from retinue.plugins.hosting.plugin import HostedPlugin
from retinue.plugins.hosting.starting import plan_for
from retinue.plugins.manifest import Grant, admit
from retinue.plugins.mediation.mediator import ServiceMediator
from retinue.plugins.runtimes import process_for
from retinue.plugins.sandbox.probe import probe
from retinue.plugins.sandbox.spawner import Spawner

HERE = Path(__file__).resolve().parent
OFFICIAL = HERE.parents[1] / ".venv" / "mcp" / "bin" / "python"
PYTHON = Path(sys.executable).resolve()
TEXT = "x" * 64
CALLS, ROUNDS = 2000, 5


def run(report: Any) -> None:
    """One row; says so where bubblewrap or the official package is missing."""
    given = probe()
    if not given.bwrap.there or not OFFICIAL.exists():
        report.progress("MCP is left out: it takes bubblewrap, and .venv/mcp of scripts/setup-env")
        return
    calls = 100 if report.quick else CALLS
    with tempfile.TemporaryDirectory() as scratch:
        ours = _Ours(Path(scratch), given)
        _compare(report, ours, calls, "")
        with one_processor():
            _compare(report, ours, calls, TOGETHER)


def _compare(report: Any, ours: _Ours, calls: int, way: str) -> None:
    report.compare(
        "a call of an MCP server's tool, 64 bytes, behind all walls, beside the official client"
        + way,
        lambda: asyncio.run(ours.measure(calls)),
        lambda: _official(calls),
        at_least=2.0,
        rounds=ROUNDS,
    )


class _Ours:
    """The plugin, started anew for each round."""

    def __init__(self, scratch: Path, given: Any) -> None:
        base = Path(sys.base_prefix).resolve()
        read = [] if Path("/usr") == base else [str(base)]
        source = scratch / "echo"
        source.mkdir()
        server = (HERE / "references" / "mcp_server.py").read_text(encoding="utf-8")
        (source / "server.py").write_text(server, encoding="utf-8")
        command = json.dumps([str(PYTHON), "-S", "{plugin}/server.py"])
        (source / "plugin.toml").write_text(
            f'name = "echo"\nversion = "1"\nruntime = "mcp"\ncommand = {command}\n'
            f"[permissions]\nread = {json.dumps(read)}\n",
            encoding="utf-8",
        )
        self._admitted = admit(source, scratch / "store")
        manifest = self._admitted.manifest
        self._grant = Grant(
            name="echo",
            version="1",
            digest=self._admitted.digest,
            permissions=manifest.permissions,
        )
        interpreter = this_interpreter()
        self._plan = plan_for(self._admitted, self._grant, "strict", given, interpreter, {})

    async def measure(self, calls: int) -> float:
        """The median microseconds of a call."""
        clock, spawner = SystemClock(), Spawner()
        plugin = HostedPlugin(
            self._grant,
            lambda: spawner.start(self._plan),
            ServiceMediator({}, lambda *_: None),
            _Watch(),
            process=process_for(self._admitted.manifest, self._grant, clock, _number),
            clock=clock,
            number=_number,
            chance=lambda: 0.0,
        )
        await plugin.start()
        context = ToolContext()
        took = []
        for _ in range(calls):
            began = time.perf_counter()
            await plugin.call("echo", {"text": TEXT}, context)
            took.append(time.perf_counter() - began)
        await plugin.stop(0.0)
        spawner.close()
        return median(took) * 1e6


class _Watch:
    """Writes nothing down."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def _number() -> int:
    return secrets.randbits(63)


def _official(calls: int) -> float:
    client = HERE / "references" / "mcp_client.py"
    done = subprocess.run(
        [OFFICIAL, client, str(calls), PYTHON], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
