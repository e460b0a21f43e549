"""A token that the operator brings along: it is taken up at each start, and goes with the setting."""

from __future__ import annotations

import signal

import pytest

from retinue.bus.errors import ConfigError, Denied
from retinue.kernel import given_token as module
from retinue.kernel.client import Client
from retinue.kernel.given_token import given_token

FIRST, SECOND = "a1" * 32, "b2" * 32


def test_it_lets_an_admin_in_and_the_next_one_takes_its_place(start, tmp_path):
    file = tmp_path / "token"
    for secret, before in ((FIRST, ""), (SECOND, FIRST)):
        _write(file, secret + "\n")
        daemon = start("--listen", "127.0.0.1:0", RETINUE_API_ADMIN_TOKEN_FILE=str(file))
        url = daemon.ready()["url"]
        assert Client(url=url, token=secret).get("/v1/me", dict)["role"] == "admin"
        if before:
            with pytest.raises(Denied):
                Client(url=url, token=before).status()
        assert daemon.retinue("tokens", "list", "--json").stdout.count("configured") == 1
        daemon.signal(signal.SIGTERM)
        assert secret not in daemon.ended()[1]
    daemon = start("--listen", "127.0.0.1:0")
    with pytest.raises(Denied):
        Client(url=daemon.ready()["url"], token=SECOND).status()


def test_it_is_enough_to_listen_beyond_this_machine(start, tmp_path):
    file = tmp_path / "token"
    _write(file, FIRST)
    given = ("--listen", "0.0.0.0:0", "--behind-proxy")
    daemon = start(*given, RETINUE_API_ADMIN_TOKEN_FILE=str(file))
    port = daemon.ready()["listen"].rpartition(":")[2]
    assert Client(url=f"http://127.0.0.1:{port}", token=FIRST).status().name == "main"


def test_it_is_written_nowhere(start, tmp_path):
    file = tmp_path / "token"
    _write(file, FIRST)
    daemon = start("--listen", "127.0.0.1:0", RETINUE_API_ADMIN_TOKEN_FILE=str(file))
    daemon.ready()
    task = daemon.client.submit("echo", {"text": f"the token is {FIRST}"}, wait=30)
    assert FIRST not in str(task.result)
    daemon.signal(signal.SIGTERM)
    assert FIRST not in daemon.ended()[1]
    for path in daemon.folder.rglob("*"):
        assert not path.is_file() or FIRST.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("content", "mode", "word"),
    [
        (FIRST, 0o644, "can be read by others"),
        (FIRST, 0o640, "can be read by others"),
        ("short", 0o600, "openssl rand"),
        ("", 0o600, "openssl rand"),
        (f"{FIRST} {SECOND}", 0o600, "openssl rand"),
        ("é" * 40, 0o600, "no text"),
        (FIRST * 5, 0o600, "openssl rand"),
        (None, 0, "No such file"),
    ],
)
def test_what_is_no_good_is_refused_in_one_line(tmp_path, content, mode, word):
    file = tmp_path / "token"
    if content is not None:
        _write(file, content, mode)
    with pytest.raises(ConfigError, match=word) as refused:
        given_token(str(file))
    assert FIRST not in str(refused.value)


def test_a_secret_of_a_container_engine_may_be_readable_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ENGINES", tmp_path)
    _write(tmp_path / "token", FIRST, 0o444)
    assert given_token(str(tmp_path / "token")) == FIRST


def _write(file, text, mode=0o600):
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
