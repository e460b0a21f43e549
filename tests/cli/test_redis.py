"""``retinue redis acl`` prints lines that Redis takes, and no password."""

from __future__ import annotations

import hashlib
import io
import json

import pytest


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("s3cret\n")
    return file


def test_each_user_has_a_line_that_has_to_be_completed_before_redis_takes_it(retinue):
    done = retinue("redis", "acl", "--run", "r-1")
    lines = done.out.splitlines()
    assert [line.split()[1] for line in lines] == ["observer-all", "observer-run", "publisher"]
    assert all(line.split()[2:4] == ["on", "#SHA256-OF-THE-PASSWORD"] for line in lines)


def test_without_a_run_nobody_is_let_hear_one(retinue):
    done = retinue("redis", "acl")
    assert [line.split()[1] for line in done.out.splitlines()] == ["observer-all", "publisher"]
    assert "name its run with --run" in done.err


def test_a_password_comes_from_a_file_or_stdin_and_goes_out_as_a_digest(
    retinue, password_file, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))
    digest = "#" + hashlib.sha256(b"s3cret").hexdigest()
    user = ("redis", "acl", "--user", "publisher", "--json", "--password-file")
    for done in (retinue(*user, password_file), retinue(*user, "-")):
        said = json.loads(done.out)
        assert said["rules"][:3] == ["reset", "on", digest]
        assert said["line"].startswith(f"user publisher on {digest} ")
        assert said["command"].startswith(f"ACL SETUSER publisher reset on {digest} ")
        assert "s3cret" not in done.out + done.err


def test_the_kernel_run_types_and_name_are_in_the_line(retinue):
    options = ("--kernel", "k2", "--run", "r-1", "--type", "tool.*", "--as", "console")
    done = retinue("redis", "acl", "--user", "observer-run", "--redis-cli", *options)
    assert done.out.startswith("ACL SETUSER console reset on ")
    assert " &retinue:{k2}:events:r-1:tool.* " in done.out


def test_what_is_switched_on_in_the_settings_is_in_the_line(retinue, tmp_path):
    file = tmp_path / "retinue.toml"
    file.write_text(
        'redis = "redis+cluster://a,b"\n[observers.dialects.live_logs]\ninbound = true\nchannel = "logs"\n'
    )
    done = retinue("redis", "acl", "--user", "publisher", "--config", file)
    assert {"&logs", "+cluster|slots"} < set(done.out.split())


def test_what_a_server_before_7_cannot_keep_apart_is_left_out_and_said(retinue):
    done = retinue("redis", "acl", "--user", "observer-all", "--old")
    assert "publish" not in done.out
    assert "may not ask for fills" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--user", "observer-run"), "name it with --run"),
        (("--run", "*"), "one run's id"),
        (("--as", "x"), "for one user"),
        (("--user", "publisher", "--as", "a b"), "use letters"),
        (("--user", "publisher", "--password-file", "-"), "on stdin is empty"),
    ],
)
def test_what_makes_no_line_is_refused(retinue, arguments, words, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = retinue("redis", "acl", *arguments)
    assert done.code != 0
    assert words in done.err
    assert done.out == ""
