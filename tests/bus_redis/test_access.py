"""Secrets are read where they are kept, at each connect, and only if they are kept well."""

from __future__ import annotations

import pytest

from retinue.bus.errors import ConfigError, Unavailable
from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.client import command_client, connection, naming

from .servers import Server


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("s3cret\n")
    return file


@pytest.fixture(scope="module")
def closed(binary):
    """A server that wants a password."""
    server = Server(binary, "requirepass s3cret")
    yield server
    server.close()


def test_a_password_is_read_from_a_file_or_a_variable(password_file):
    assert Secret(str(password_file)).read() == "s3cret"
    assert Secret(variable="PW", environ={"PW": "s3cret"}).read() == "s3cret"
    assert Secret().read() == ""
    assert not Secret()


def test_a_file_that_everyone_can_read_is_refused_with_the_remedy(password_file):
    password_file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"can be read by everyone: run `chmod 600"):
        connection("redis://h", access=Access("", Secret(str(password_file))))
    password_file.chmod(0o640)  # a service's group may
    assert Secret(str(password_file)).read() == "s3cret"


def test_what_holds_no_password_is_refused(password_file, tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Secret(str(tmp_path / "none")).read()
    with pytest.raises(ConfigError, match="Is a directory"):
        Secret(str(_private(tmp_path / "folder"))).read()
    password_file.write_bytes(b"\n")
    with pytest.raises(ConfigError, match="is empty"):
        Secret(str(password_file)).read()
    password_file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Secret(str(password_file)).read()
    with pytest.raises(ConfigError, match="the environment has no PW"):
        Secret(variable="PW", environ={}).read()


def test_a_password_in_two_places_is_refused(password_file):
    with pytest.raises(ConfigError, match="named twice"):
        Secret(str(password_file), "PW")
    with pytest.raises(ConfigError, match="has a password in its URL and") as refused:
        connection("redis://:0ther@h", access=Access("", Secret(str(password_file))))
    assert "0ther" not in str(refused.value)


def test_a_new_password_is_taken_up_at_the_next_connect(closed, password_file):
    access = Access("", Secret(str(password_file)))
    with (
        command_client(closed.url, access=access) as client,
        closed.client(password="s3cret") as admin,
    ):
        assert client.ping()
        try:
            admin.config_set("requirepass", "n3w")
            password_file.write_text("n3w")
            client.connection_pool.disconnect()
            assert client.ping()
        finally:
            admin.config_set("requirepass", "s3cret")


def test_a_password_file_that_went_away_makes_redis_unavailable(closed, password_file):
    access = Access("", Secret(str(password_file)))
    with command_client(closed.url, access=access) as client:
        password_file.unlink()
        with pytest.raises(Unavailable, match="No such file"), naming(closed.url):
            client.ping()


def test_a_password_in_the_url_keeps_working(closed):
    with command_client(f"redis://:s3cret@127.0.0.1:{closed.port}") as client:
        assert client.ping()


def test_no_repr_shows_a_password(closed, password_file):
    access = Access("bob", Secret(str(password_file)))
    made = connection(closed.url, access=access)
    client = command_client(f"redis://bob:s3cret@127.0.0.1:{closed.port}")
    shown = repr([access, made, vars(made), client, client.connection_pool.connection_kwargs])
    assert "s3cret" not in shown
    assert str(password_file) in shown


def _private(folder):
    folder.mkdir(0o700)
    return folder
