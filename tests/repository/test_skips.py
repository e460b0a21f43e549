"""A skip is forgiven at home and nowhere else; a wait has an end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

SKIPPED = """
import pytest
def test_needs_what_is_not_here(missing): missing("a server", "install one")
@pytest.mark.xfail
def test_is_known_to_fail(): assert False
"""
NOT_IMPORTED = "import pytest; pytest.importorskip('no_such_package')"


@pytest.mark.parametrize("source", [SKIPPED, NOT_IMPORTED])
@pytest.mark.parametrize(("ci", "failures"), [("true", True), ("", False)])
def test_what_is_missing_is_a_skip_at_home_and_a_failure_in_ci(
    root, tmp_path, source, ci, failures
):
    done = _run(root, tmp_path, source, ci)
    assert ("nothing may be missing" in done.stdout) == failures
    assert (done.returncode not in (0, 5)) == failures, done.stdout


def test_a_skip_says_what_to_install(root, tmp_path):
    assert "a server is not here: install one" in _run(root, tmp_path, SKIPPED, "").stdout


def test_a_wait_ends_when_its_condition_holds(wait_until):
    answers = iter([False, False, True])
    wait_until(lambda: next(answers))


def test_a_wait_for_what_never_holds_fails(wait_until):
    with pytest.raises(pytest.fail.Exception, match="did not hold"):
        wait_until(lambda: False, timeout=0.01)


def _run(root, folder, source, ci):
    shutil.copy(root / "tests" / "conftest.py", folder)
    (folder / "test_it.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-rsx", "-p", "no:cacheprovider", folder],
        cwd=folder,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
