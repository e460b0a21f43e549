"""A hostile plugin in a real kernel: each refusal is one event, which names rule, layer and plugin."""

from __future__ import annotations

import shutil
import threading
import time

import pytest

from retinue.bus.errors import PluginError, RetinueError
from retinue.bus.journal import Filter
from retinue.kernel import Kernel
from retinue.plugins.attacks.den import HOSTILE
from retinue.plugins.attacks.folders import FOLDERS

DENIED = Filter(types=("security.denied",))


@pytest.fixture
def kernel():
    with Kernel() as started:
        yield started


@pytest.fixture
def hostile(tmp_path, kernel):
    folder = tmp_path / "hostile"
    shutil.copytree(HOSTILE, folder / "hostile", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "plugin.toml").write_text('name = "hostile"\nversion = "1.0.0"\nentry = "hostile"\n')
    kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest)


def denied(kernel):
    return [event.data for event in kernel.events(only=DENIED, follow=False)]


def counted(kernel):
    return sum(told.get("count", 1) for told in denied(kernel))


def attack(kernel, name, **told):
    told = {"secret": "/etc/shadow", "host": 1, "folder": "/nowhere", **told}
    try:
        answer = kernel.invoke("hostile.attempt", {"name": name, "told": told})
    except RetinueError:
        return
    assert answer["gained"] == ""


@pytest.mark.parametrize(
    ("name", "layer", "rule"),
    [
        ("network: UDP", "seccomp", "syscall.socket"),
        ("processes: ptrace", "seccomp", "syscall.ptrace"),
        ("processes: fork", "seccomp", "syscall.clone"),
        ("files: make a symbolic link", "seccomp", "syscall.symlink"),
        ("files: ask the host for another's file", "mediation", "fs.read"),
        ("files: ask the host to write elsewhere", "mediation", "fs.write"),
        ("processes: 32-bit system calls", "seccomp", "syscall.another processor's"),
    ],
)
def test_a_refusal_is_one_event_that_names_rule_layer_and_plugin(
    kernel, hostile, wait_until, name, layer, rule
):
    attack(kernel, name)
    wait_until(lambda: denied(kernel))
    (told,) = denied(kernel)
    assert (told["layer"], told["rule"]) == (layer, rule)
    assert "plugin:hostile" in told["principals"]


def test_a_folder_that_is_refused_is_one_event(kernel, tmp_path, wait_until):
    made = FOLDERS["admission: read '/'"](tmp_path / "bad")
    with pytest.raises(PluginError, match="covers too much"):
        kernel.load_plugin(made)
    wait_until(lambda: denied(kernel))
    (told,) = denied(kernel)
    assert (told["layer"], told["action"]) == ("admission", "load")


def test_a_storm_of_refusals_is_a_few_events_that_count_them(kernel, hostile, wait_until):
    stop, answers = threading.Event(), []

    def storm():
        while not stop.is_set():
            attack(kernel, "network: UDP")

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until and counted(kernel) < 20:
            answers.append(kernel.invoke("clock.now"))
    finally:
        stop.set()
        thread.join()
    assert answers
    assert counted(kernel) >= 20
    assert len(denied(kernel)) <= 12
