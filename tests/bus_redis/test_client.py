"""Connections have bounded waits, and secrets stay where they are."""

from __future__ import annotations

import os
import signal

import pytest
import redis
from redis._parsers import BaseParser

from retinue.bus.errors import ConfigError, Unavailable
from retinue.bus.redis.client import (
    command_client,
    connection,
    mended_by_reconnecting,
    naming,
    reading_client,
    redacted,
)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://bob:s3cret@host:1/0", "redis://***@host:1/0"),
        ("redis://:s3cret@host", "redis://***@host"),
        ("rediss://bob:s3cret@[::1]:6380/2", "rediss://***@[::1]:6380/2"),
        ("unix:///run/redis.sock?db=1&password=s3cret", "unix:///run/redis.sock?db=1&password=***"),
        ("unix://bob:s3cret@/run/redis.sock", "unix://***@/run/redis.sock"),
        ("redis://host:6379", "redis://host:6379"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert redacted(url) == shown


@pytest.mark.parametrize("url", ["http://bob:s3cret@host", "redis://bob:s3cret@host:port", "host"])
def test_a_malformed_url_is_refused_with_its_forms_and_without_its_password(url):
    with pytest.raises(ConfigError, match=r"write redis://HOST:PORT") as refused:
        connection(url)
    assert "s3cret" not in str(refused.value)


def test_neither_a_url_nor_retries_lengthen_the_time_outs():
    client = command_client("redis://host:1?socket_timeout=99&socket_connect_timeout=99", 0.5)
    options = client.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.5, 0.5)
    assert options["retry"].get_retries() == 0


def test_a_read_may_block_longer_than_a_command(server, kernel):
    with reading_client(server.url, block=0.3, timeout=0.25) as client:
        assert not client.xread({f"{kernel}-none": "0-0"}, block=300)


def test_a_stopped_server_is_unavailable_after_the_time_out(own_server):
    os.kill(own_server.pid, signal.SIGSTOP)
    with (
        command_client(own_server.url, 0.1) as client,
        pytest.raises(Unavailable, match="Timeout"),
        naming(own_server.url),
    ):
        client.ping()


def test_errors_of_the_client_library_do_not_leave_the_adapter():
    gone = redis.ConnectionError("gone")
    with (
        pytest.raises(Unavailable, match=r"Redis at redis://\*\*\*@host: gone") as named,
        naming("redis://u:p@host"),
    ):
        raise gone
    assert named.value.__cause__ is gone


@pytest.mark.parametrize(
    "reply",
    [
        "READONLY You can't write against a read only replica.",
        "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write",
        "MOVED 866 127.0.0.1:7001",
        "CLUSTERDOWN The cluster is down",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "LOADING Redis is loading the dataset in memory",
        "NOSCRIPT No matching script.",
        "UNBLOCKED force unblock from blocking operation, instance state changed",
        "FENCED another kernel has taken the name",
    ],
)
def test_an_answer_that_another_connection_would_not_give_is_mended_by_reconnecting(reply):
    assert mended_by_reconnecting(BaseParser.parse_error(reply))


@pytest.mark.parametrize(
    "reply", ["OOM command not allowed", "NOPERM this user", "ERR the word READONLY", "WRONGTYPE x"]
)
def test_an_answer_that_any_connection_gives_is_not_mended_by_reconnecting(reply):
    assert not mended_by_reconnecting(BaseParser.parse_error(reply))
