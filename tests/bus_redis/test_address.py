"""URLs are read strictly, and shown without their secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.errors import ConfigError
from retinue.bus.redis.address import Host, parse, redacted


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "service", "db"),
    [
        ("redis://h", "", [("h", 6379)], "", 0),
        ("redis://:7", "", [("localhost", 7)], "", 0),
        ("redis://h:7/3", "", [("h", 7)], "", 3),
        ("redis://h:7?db=3", "", [("h", 7)], "", 3),
        ("rediss://[::1]:7", "", [("::1", 7)], "", 0),
        ("redis+cluster://a:1,b,[::1]:3", "cluster", [("a", 1), ("b", 6379), ("::1", 3)], "", 0),
        ("redis+sentinel://a,b:2/svc", "sentinel", [("a", 26379), ("b", 2)], "svc", 0),
        ("rediss+sentinel://u:p@a/svc/4", "sentinel", [("a", 26379)], "svc", 4),
    ],
)
def test_a_url_says_where_to_connect(url, kind, hosts, service, db):
    found = parse(url)
    assert (found.kind, found.service, found.db) == (kind, service, db)
    assert found.hosts == tuple(Host(*host) for host in hosts)
    assert found.tls is url.startswith("rediss")


def test_a_url_may_hold_user_password_and_protocol():
    found = parse("redis://bob:p%40ss%2Fw@h?protocol=3")
    assert (found.username, found.password, found.protocol) == ("bob", "p@ss/w", 3)
    assert parse("unix:///run/a%20b.sock?db=2&password=x").path == "/run/a b.sock"
    assert parse("unix:///run/a@b.sock").path == "/run/a@b.sock"
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://h", "no such scheme"),
        ("unix+sentinel:///a/b", "no such scheme"),
        ("unix://relative.sock", "begins with /"),
        ("redis://h:0", "not HOST:PORT"),
        ("redis://h:65536", "not HOST:PORT"),
        ("redis://a,b", "several hosts"),
        ("redis://h/x", "a database is a number"),
        ("redis+cluster://h/1", "database 0 alone"),
        ("redis+sentinel://h", "the service"),
        ("redis://h?protocol=4", "2 or 3"),
        ("redis://h?colour=red", "its options are db, protocol"),
        ("redis://h?ssl_ca_certs=f", "its options are db, protocol"),
    ],
)
def test_a_url_that_means_nothing_is_refused_with_the_forms_that_do(url, why):
    with pytest.raises(ConfigError, match=why) as refused:
        parse(url)
    assert "write redis://HOST:PORT, rediss://" in str(refused.value)


@given(
    st.sampled_from(["redis", "rediss+cluster", "unix", "http", ""]), st.text(min_size=1), st.text()
)
def test_no_part_of_a_password_is_shown_whatever_is_in_it(scheme, start, rest):
    password = f"{start}s3cret{rest}"
    url = f"{scheme}://bob:{password}@host/0"
    assert "s3cret" not in redacted(url)
    try:
        parse(url)
    except ConfigError as error:
        assert "s3cret" not in str(error)  # noqa: PT017
