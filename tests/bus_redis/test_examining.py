"""What is said about a server is true of it."""

from __future__ import annotations

import pytest

from retinue.bus.errors import Unavailable
from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.acl import NO_DIALECTS, Dialects, publisher
from retinue.bus.redis.address import parse
from retinue.bus.redis.examining import examine
from retinue.bus.redis.facts import Facts, remarks
from retinue.bus.redis.needs import PROBE

from .servers import Server, find, free_port, versions

KERNEL = "main"
SPOKEN = Dialects(("raro:live_logs",), ("{main}:agent_events",))


@pytest.fixture(scope="module", params=versions())
def examined(request, missing):
    binary = find(request.param)
    if binary is None:
        missing(f"the server {request.param}", versions()[request.param])
    server = Server(binary)
    yield server, request.param
    server.close()


@pytest.fixture
def as_user(examined):
    """``as_user(*changes)``: the facts for a publisher with the printed rights, then changed."""
    server, version = examined

    def look(*changes):
        rules = publisher(KERNEL, dialects=SPOKEN).rules(">pw", modern=version != "redis-6.2")
        with server.client() as admin:
            admin.execute_command("ACL", "SETUSER", "publisher", *rules, *changes)
        access = Access("publisher", Secret(variable="PW", environ={"PW": "pw"}))
        return examine(server.url, KERNEL, SPOKEN, access)

    return look


def test_a_server_says_what_it_is(examined):
    server, version = examined
    facts = examine(server.url, KERNEL, NO_DIALECTS)
    assert f"{facts.flavour}-{facts.version}".startswith(version)
    assert (facts.mode, facts.role, facts.user) == ("standalone", "master", "default")
    assert facts.settings["maxmemory"] == "0"
    assert facts.denied == ()


def test_the_printed_rights_are_all_that_is_needed(as_user):
    facts = as_user()
    assert (facts.denied, facts.user) == ((), "publisher")
    assert facts.settings == {}


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("-xadd", "XADD"),
        ("-expire", "EXPIRE"),
        ("-publish", "PUBLISH"),
        ("-subscribe", "SUBSCRIBE"),
    ],
)
def test_a_right_that_is_missing_is_named(as_user, change, lacks):
    facts = as_user(change)
    assert {denied.split(" ")[0] for denied in facts.denied} == {lacks}


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        (("resetkeys", "~retinue:{main}:*"), "XADD {main}:agent_events"),
        (("resetchannels", "&retinue:{main}:*"), "PUBLISH raro:live_logs"),
        (("resetchannels", "&retinue:{main}:events:*", "&raro:*"), "SUBSCRIBE retinue:{main}:fill"),
    ],
)
def test_a_key_or_channel_that_is_missing_is_named_from_redis_7_on(as_user, changes, lacks):
    facts = as_user(*changes)
    if facts.asked_by == "trying":
        assert not any(
            PROBE not in denied and "{main}:agent" not in denied for denied in facts.denied
        )
    else:
        assert lacks in facts.denied


def test_looking_leaves_nothing_behind(examined, as_user):
    server, _ = examined
    as_user()
    with server.client() as admin:
        assert admin.keys("*") == []


def test_a_server_that_is_not_there_is_unavailable():
    with pytest.raises(Unavailable, match="refused"):
        examine(f"redis://127.0.0.1:{free_port()}", KERNEL, NO_DIALECTS)


GOOD = Facts(
    "valkey", "9.1.2", "standalone", "master", "publisher",
    {
        "maxmemory": "0", "maxmemory-policy": "noeviction", "save": "", "appendonly": "no",
        "client-output-buffer-limit": "normal 0 0 0 pubsub 33554432 8388608 60",
    },
)  # fmt: skip


def test_nothing_is_said_against_a_server_that_is_set_well():
    said = _said(GOOD, "rediss://h")
    assert {state for state, _ in said.values()} == {"ok"}
    assert list(said) == [
        "redis version", "redis user", "redis memory", "redis buffers", "redis disk"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "url", "check", "state", "words"),
    [
        ({"version": "6.0.16"}, "rediss://h", "redis version", "fail", "6.2 or later"),
        ({"version": "6.2.14"}, "rediss://h", "redis version", "note", "ask for fills"),
        ({"role": "replica"}, "rediss://h", "redis role", "fail", "redis+sentinel://"),
        ({"mode": "cluster"}, "rediss://h", "redis role", "fail", "redis+cluster://"),
        ({"denied": ("XADD k",)}, "rediss://h", "redis user", "fail", "may not: XADD k"),
        ({"user": "default"}, "rediss://:p@h", "redis user", "note", "acl --user publisher"),
        ({"user": "default"}, "rediss://h", "redis password", "fail", "anybody who can connect"),
        ({"user": "default"}, "redis://127.0.0.1", "redis password", "note", "anybody"),
        ({}, "rediss://u:p@h", "redis password", "note", "redis_access.password_file"),
        ({}, "redis://h", "redis TLS", "note", "without TLS"),
        ({}, "rediss://h?ssl_cert_reqs=none", "redis TLS", "note", "is not checked"),
        ({"settings": {}}, "rediss://h", "redis settings", "note", "administrator"),
        ({"maxmemory": "9999999", "maxmemory-policy": "allkeys-lru"}, "rediss://h", "redis memory",
         "note", "noeviction"),
        ({"client-output-buffer-limit": "pubsub 0 0 0"}, "rediss://h", "redis buffers", "note",
         "stalled observer"),
        ({"appendonly": "yes", "appendfsync": "always"}, "rediss://h", "redis disk", "note",
         "waits for the disk"),
        ({"save": "60 1", "stop-writes-on-bgsave-error": "yes"}, "rediss://h", "redis disk", "note",
         "full disk"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_remedy(changes, url, check, state, words):
    fields = {name: value for name, value in changes.items() if name in Facts._fields}
    settings = {**GOOD.settings, **{k: v for k, v in changes.items() if k not in fields}}
    found = _said(GOOD._replace(**{"settings": settings, **fields}), url)[check]
    assert found[0] == state
    assert words in found[1]


def _said(facts, url):
    return {
        remark.check: (remark.state, f"{remark.found} → {remark.remedy}")
        for remark in remarks(facts, parse(url), Access())
    }
