"""Grants: what both name and no more, one spelling for each thing, and hosts that are names."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from retinue.bus.errors import InvalidInput, PluginError
from retinue.plugins.manifest.grants import checked, describe, intersection, wider
from retinue.plugins.manifest.hosts import check_rule, covers, normal_host
from retinue.plugins.manifest.model import NetRule, Permissions

words = st.sampled_from(["a", "b", "data", "out"])
paths = st.lists(words, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
labels = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
hosts = st.lists(labels, min_size=2, max_size=4).map(".".join)
wild = st.one_of(hosts, hosts.map("*.{}".format))
nets = st.builds(
    NetRule,
    host=wild,
    ports=st.sets(st.sampled_from([80, 443, 8080]), min_size=1).map(tuple),
    methods=st.sets(st.sampled_from(["GET", "POST"]), min_size=1).map(tuple),
)
asked = st.builds(
    Permissions,
    net=st.lists(nets, max_size=3).map(tuple),
    read=st.lists(paths, max_size=3).map(tuple),
    write=st.lists(paths, max_size=3).map(tuple),
    env=st.lists(st.sampled_from(["CITY", "ZONE"]), max_size=2).map(tuple),
    kernel=st.lists(st.sampled_from(["ask", "state"]), max_size=2).map(tuple),
    tools=st.lists(st.sampled_from(["files.read", "clock.now"]), max_size=2).map(tuple),
    processes=st.booleans(),
)


def beneath(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


@settings(max_examples=50)
@given(asked, asked)
def test_a_grant_is_within_what_was_asked_and_within_what_is_allowed(wanted, allowed):
    granted = intersection(wanted, allowed)
    assert set(granted.write) <= set(wanted.write)
    assert all(beneath(path, allowed.write) for path in granted.write)
    assert all(beneath(path, (*allowed.read, *allowed.write)) for path in granted.read)
    assert set(granted.tools) <= set(wanted.tools) & set(allowed.tools)
    assert granted.processes <= (wanted.processes and allowed.processes)


@settings(max_examples=50)
@given(asked, asked, hosts, st.sampled_from([80, 443, 8080]), st.sampled_from(["GET", "POST"]))
@example(
    Permissions(net=(NetRule(host="*.b.c"),)),
    Permissions(net=(NetRule(host="b.c"),)),
    "b.c",
    443,
    "GET",
)
def test_a_fetch_is_covered_by_a_grant_only_where_both_sides_cover_it(
    wanted, allowed, host, port, m
):
    granted = intersection(wanted, allowed)
    if any(covers(rule, host, port, m) for rule in granted.net):
        assert any(covers(rule, host, port, m) for rule in wanted.net)
        assert any(covers(rule, host, port, m) for rule in allowed.net)


@settings(max_examples=50)
@given(asked)
def test_what_is_checked_stays_as_it_is_and_nothing_is_wider_than_itself(permissions):
    once = checked(permissions, "mine")
    assert checked(once, "mine") == once
    assert wider(once, once) == []
    assert intersection(once, once).read == once.read


@settings(max_examples=50)
@given(asked, asked)
def test_whatever_a_new_version_has_besides_is_said(new, old):
    gained = set(describe(new)) - set(describe(old))
    assert set(wider(new, old)) == gained


@given(st.ip_addresses().map(str))
@example("127.0.0.1.")
def test_an_address_is_no_host(address):
    with pytest.raises(InvalidInput):
        normal_host(address)


@given(st.ip_addresses(v=4), st.sampled_from(["d", "x", "#x", "o"]))
def test_an_address_in_no_other_spelling_is_a_host(address, form):
    number = int(ipaddress.IPv4Address(address))
    text = {"d": str(number), "x": f"{number:x}", "#x": hex(number), "o": f"0{number:o}"}[form]
    assume(text.isdecimal() or text.startswith("0x"))
    with pytest.raises(InvalidInput):
        normal_host(text)
    with pytest.raises(InvalidInput):
        normal_host(f"127.{text}")


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "-a.b",
        "a-.b",
        "a.b:80",
        "a.b/c",
        "user@a.b",
        "a.b\\c",
        "a.b\r\nX: y",
        "a b.c",
        "a.b%00",
        "*",
        "a.*.b",
        "[::1]",
        "::ffff:127.0.0.1",
        "a_b.c",
        "x" * 64 + ".c",
        ".".join(["abc"] * 80),
    ],
)
def test_what_is_not_a_name_is_refused(host):
    with pytest.raises(InvalidInput):
        normal_host(host)


def test_a_name_has_one_spelling():
    assert normal_host("API.Example.ORG.") == "api.example.org"
    assert normal_host("bücher.example") == "xn--bcher-kva.example"
    assert normal_host("BÜCHER.example") == "xn--bcher-kva.example"


def test_a_star_covers_what_is_beneath_and_not_the_name_itself():
    rule = check_rule(NetRule(host="*.example.org"))
    assert covers(rule, "a.example.org", 443, "GET")
    assert covers(rule, "a.b.example.org", 443, "GET")
    for other in ("example.org", "badexample.org", "example.org.evil.net", "xexample.org"):
        assert not covers(rule, other, 443, "GET")
    assert not covers(rule, "a.example.org", 80, "GET")
    assert not covers(rule, "a.example.org", 443, "POST")


@pytest.mark.parametrize("path", ["/proc/self", "/sys/fs", "/dev/sda", "/tmp", "/var/tmp", "/boot"])
def test_the_system_itself_is_granted_to_nobody(path):
    for key in ("read", "write"):
        with pytest.raises(PluginError, match=key):
            checked(Permissions(**{key: (path,)}), "mine")
