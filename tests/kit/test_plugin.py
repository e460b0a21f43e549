"""The fixture ``kernel`` in a user's own tests."""

from __future__ import annotations

import subprocess
import sys

USERS = """
from retinue.plugins import agent

@agent
async def greet(ctx, name: str) -> str:
    return f"hello {name}"

def test_greeting(kernel):
    kernel.spawn("greet", greet)
    task = kernel.submit("greet", {"name": "you"})
    kernel.settle()
    assert task.result(timeout=1) == "hello you"
    assert kernel.observed[-1].type == "run.succeeded"
"""


def run(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_users_have_the_fixture_without_importing_anything(tmp_path):
    (tmp_path / "test_users.py").write_text(USERS)
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_run_of_pytest_that_does_not_use_it_imports_no_kernel(tmp_path):
    said = (
        "import sys, retinue.kernel.pytest_plugin; "
        "print(sorted(name for name in sys.modules if name.startswith('retinue')))"
    )
    done = run("-c", said, folder=tmp_path)
    assert done.stdout.strip() == str(["retinue", "retinue.kernel", "retinue.kernel.pytest_plugin"])
