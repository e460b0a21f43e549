"""Plugins on the command line, against a daemon that really runs, with processes that really do."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from retinue.bus.errors import NotFound
from retinue.bus.views import PluginView

from .conftest import RETINUE, Daemon, environment

TOOL = """
from retinue.plugins import ToolContext, tool

@tool
async def count(ctx: ToolContext, text: str) -> int:
    "Count the words of a text."
    ctx.progress(1, 2, "half of it")
    ctx.stream({"so": "far"})
    return len(text.split())
"""


class Folder:
    """A plugin's folder."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.write()

    def write(self, code=TOOL, version="1.0", permissions=""):
        head = f'name = "words"\nversion = "{version}"\nentry = "words_tools"\n'
        (self.path / "plugin.toml").write_text(head + permissions)
        (self.path / "words_tools.py").write_text(code)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A daemon that the tests share; what one of them loads is gone with it."""
    daemon = Daemon(tmp_path_factory.mktemp("plugins") / "state")
    try:
        daemon.ready()
        yield daemon
    finally:
        daemon.kill()


@pytest.fixture
def words(tmp_path):
    return Folder(tmp_path / "words")


@pytest.fixture(autouse=True)
def nothing_granted(running):
    yield
    with suppress(NotFound):
        running.client.delete("/v1/plugins/words/grant", dict)


def shown(daemon):
    return daemon.client.get("/v1/plugins/words", PluginView)


def test_a_plugin_is_loaded_called_shown_and_unloaded(running, words):
    done = running.retinue("plugins", "load", str(words.path), "--yes")
    assert done.returncode == 0, done.stderr
    assert "It asks for nothing beyond computing." in done.stderr
    assert done.stdout.splitlines()[0] == "plugin  words 1.0"
    called = running.retinue("plugins", "invoke", "words.count", "--args", '{"text": "a b"}')
    assert (called.returncode, called.stdout, called.stderr) == (0, "2\n", "")
    said = running.retinue("plugins", "show", "words").stdout
    assert "walls        standard: namespaces, landlock, seccomp" in said
    assert "may          nothing beyond computing" in said
    assert "words.count  (text: string)" in said
    done = running.retinue("plugins", "unload", "words")
    assert (done.returncode, done.stderr) == (0, "unloaded words\n")
    assert running.retinue("plugins", "show", "words").returncode == 66


def test_without_a_word_from_anybody_nothing_is_loaded_and_the_way_is_said(running, words):
    done = running.retinue("plugins", "load", str(words.path))
    assert done.returncode == 77
    assert "say --yes, or --approve with its digest" in done.stderr
    done = running.retinue("plugins", "load", str(words.path), "--json")
    assert (done.returncode, done.stdout) == (77, "")
    done = running.retinue("plugins", "load", str(words.path), "--approve", "0" * 64)
    assert done.returncode == 77
    digest = running.retinue("plugins", "check", str(words.path), "--digest").stdout.strip()
    done = running.retinue("plugins", "load", str(words.path), "--approve", digest, "--json")
    assert json.loads(done.stdout)["digest"] == digest
    assert running.retinue("plugins", "load", str(words.path)).returncode == 0


def test_a_wider_request_is_told_apart_in_plain_words(running, words, tmp_path):
    running.retinue("plugins", "load", str(words.path), "--yes")
    words.write(version="1.1", permissions=f'[permissions]\nread = ["{tmp_path}"]\nenv = ["TZ"]\n')
    done = running.retinue("plugins", "load", str(words.path))
    assert f"    - read {tmp_path}   ← new since 1.0\n" in done.stderr
    assert "It asks for more than 1.0, which you approved." in done.stderr
    assert (done.returncode, shown(running).version) == (77, "1.0")


def test_a_revoked_plugin_is_gone_and_asked_for_again(running, words):
    running.retinue("plugins", "load", str(words.path), "--yes")
    done = running.retinue("plugins", "revoke", "words", "--reason", "no longer trusted")
    assert (done.returncode, done.stderr) == (0, "revoked what words was granted, and ended it\n")
    assert running.retinue("plugins", "load", str(words.path)).returncode == 77
    assert running.retinue("plugins", "revoke", "words").returncode == 66


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("unload", "nobody"), 66, "nobody"),
        (("release", "nobody"), 66, "nobody"),
        (("revoke", "nobody"), 66, "nobody"),
        (("unload", "clock"), 66, "clock"),
        (("load", "."), 65, "plugin.toml"),
        (("load", "./nowhere"), 64, "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_goes_wrong_is_one_line_with_the_name_and_a_code(running, arguments, code, word):
    done = running.retinue("plugins", *arguments)
    assert (done.returncode, done.stdout, word in done.stderr) == (code, "", True)
    assert done.stderr.count("\n") == 1


def test_plugins_come_back_after_a_kill_9_and_none_outlives_the_daemon(start, words, tmp_path):
    daemon = start()
    daemon.ready()
    assert daemon.retinue("plugins", "load", str(words.path), "--yes").returncode == 0
    pid = shown(daemon).pid
    watched = os.pidfd_open(pid)
    daemon.signal(signal.SIGKILL)
    daemon.ended()
    assert select.select([watched], [], [], 1.0)[0], "the plugin outlived the daemon"
    os.close(watched)
    words.write(TOOL + "# changed since\n")
    again = start()
    again.ready()
    view = shown(again)
    assert (view.state, view.pid == pid) == ("running", False)
    called = again.retinue("plugins", "invoke", "words.count", "--args", '{"text": "a b c"}')
    assert called.stdout == "3\n"
    assert again.retinue("plugins", "load", str(words.path)).returncode == 77


def test_on_a_terminal_the_operator_is_asked_and_sees_what_a_call_tells(running, words):
    said, code = typed(running, "y\n", "plugins", "load", str(words.path))
    assert code == 0
    assert "Load it, and let it do this? [y/N]: " in said
    said, code = typed(running, "", "plugins", "invoke", "words.count", "--args", '{"text": "a"}')
    assert code == 0
    assert '{"so": "far"}\r\n' in said
    assert said.endswith("1\r\n")
    said, code = typed(running, "n\n", "plugins", "load", str(words.path))
    assert code == 0, "what was approved is not asked about"
    words.write(version="2.0")
    said, code = typed(running, "n\n", "plugins", "load", str(words.path))
    assert (code, "was not loaded" in said, shown(running).version) == (77, True, "1.0")


def test_a_call_is_printed_as_it_goes_for_people_and_for_programs(running, words):
    running.retinue("plugins", "load", str(words.path), "--yes")
    call = ("plugins", "invoke", "words.count", "--args", '{"text": "a b"}', "--stream")
    assert running.retinue(*call).stdout == '{\n  "so": "far"\n}\n2\n'
    lines = [json.loads(line) for line in running.retinue(*call, "--json").stdout.splitlines()]
    assert [next(iter(line)) for line in lines] == ["call", "progress", "chunk", "result"]
    assert lines[1]["progress"]["note"] == "half of it"
    assert lines[-1]["result"] == {"tool": "words.count", "result": 2}


def test_the_shell_completes_the_names_of_plugins(running, words):
    running.retinue("plugins", "load", str(words.path), "--yes")
    done = subprocess.run(
        RETINUE,
        env=environment(
            _RETINUE_COMPLETE="bash_complete",
            COMP_WORDS=f"retinue plugins show --state-dir {running.folder} w",
            COMP_CWORD="5",
        ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.splitlines() == ["plain,words"]


def typed(daemon, keys, *arguments):
    """What a terminal shows while somebody types ``keys``, and the exit code."""
    child, terminal = pty.fork()
    if child == 0:
        command = [*RETINUE, *arguments, "--state-dir", str(daemon.folder)]
        os.execvpe(command[0], command, environment(TERM="xterm"))
    os.write(terminal, keys.encode())
    said, until = b"", time.monotonic() + 30
    while select.select([terminal], [], [], max(0.0, until - time.monotonic()))[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side has closed it
            break
        said += piece
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return said.decode(), os.waitstatus_to_exitcode(status)
