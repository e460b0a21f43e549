from __future__ import annotations

import gzip

import pytest

from retinue.bus.errors import Denied, FetchFailed, NotFound

from .servers import moved, ok


def test_a_fetch_goes_where_the_grant_says_with_the_name_of_the_host(world, serve):
    server = serve({"/page": ok(b"hello", "x-kind: page")})
    world.grants("service.test", ports=[server.port])
    status, headers, body = world.fetch(f"http://Service.Test.:{server.port}/page?q=1#part")
    assert (status, headers["x-kind"], body) == (200, "page", b"hello")
    assert server.heads[0].startswith("GET /page?q=1 HTTP/1.1\r\n")
    assert f"host: service.test:{server.port}\r\n" in server.heads[0]
    assert world.denied == []


def test_a_long_body_comes_in_pieces_that_fit_a_frame(world, serve):
    whole = bytes(range(256)) * 2000
    server = serve({"/long": ok(whole)})
    world.grants("service.test", ports=[server.port])
    assert world.fetch(f"http://service.test:{server.port}/long")[2] == whole


def test_chunks_and_gzip_are_undone(world, serve):
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (packed[:5], packed[5:]))
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n"
    server = serve({"/packed": head + chunks + b"0\r\nx: y\r\n\r\n"})
    world.grants("service.test", ports=[server.port])
    assert world.fetch(f"http://service.test:{server.port}/packed")[2] == b"one two"


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("https://other.test/", "GET"),
        ("https://service.test.evil.test/", "GET"),
        ("https://evilservice.test/", "GET"),
        ("https://sub.service.test/", "GET"),
        ("https://service.test:8443/", "GET"),
        ("https://service.test/", "POST"),
        ("https://service.test/", "get"),
    ],
)
def test_what_no_rule_of_the_grant_covers_is_refused_and_not_even_looked_up(world, url, method):
    world.grants("service.test")
    with pytest.raises(Denied):
        world.fetch(url, method=method)
    assert world.rules == ["http.grant"]
    assert world.lookups == []


@pytest.mark.parametrize(
    "url",
    [
        "https://user@service.test/",
        "https://service.test@evil.test/",
        "https://user:word@service.test/",
        "https:\\\\service.test\\",
        "https://service.test\\@evil.test/",
        "https://service.test/\r\nx: y",
        "https://service.test/ x",
        "https://service.test/\0",
        "https://service.test/ä",
        "https://service.test:0443/",
        "https://service.test:99999/",
        "https://service.test:/",
        "https:///service.test/",
        "https:service.test",
        "//service.test/",
        "ftp://service.test/",
        "file:///etc/passwd",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254./",
        "https://127。0。0。1/",
        "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
        "https://service..test/",
        "https://service.test../",
        "https://service_.test/",
        "https://service.test/" + "a" * 9000,
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(world, url):
    world.grants("service.test", "*.service.test")
    with pytest.raises(Denied):
        world.fetch(url)
    assert world.rules == ["http.url"]
    assert world.lookups == []


def test_what_is_told_of_a_refused_url_has_no_password_and_no_query(world):
    with pytest.raises(Denied) as refused:
        world.fetch("https://user:pass-word@service.test/p?key=hidden")
    assert "pass-word" not in f"{world.denied} {refused.value}"
    assert "hidden" not in f"{world.denied} {refused.value}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "3fff::1",
        "4000::1",
    ],
)
def test_a_name_that_leads_to_an_address_which_is_not_public_is_refused(world, address):
    world.grants("inside.test", "service.test")
    world.addresses["inside.test"] = ["2606:4700::1", address]
    with pytest.raises(Denied):
        world.fetch("https://inside.test/")
    assert world.rules == ["http.address"]


def test_a_name_is_resolved_once_for_each_request_and_the_answer_is_what_is_connected_to(
    world, serve
):
    server = serve({"/": ok(b"first")})
    world.grants("service.test", ports=[server.port])
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    async def rebinding(host, port):
        world.lookups.append(host)
        return next(answers)

    world.resolve = rebinding
    assert world.fetch(f"http://service.test:{server.port}/")[2] == b"first"
    assert world.lookups == ["service.test"]


def test_a_name_that_turns_inward_between_two_hops_is_refused_at_the_second(world, serve):
    server = serve({"/": moved("/next"), "/next": ok(b"inside")})
    world.private = ("service.test",)
    world.grants("service.test", "turning.test", ports=[server.port])
    server.answers["/"] = moved(f"http://turning.test:{server.port}/next")
    world.addresses["turning.test"] = ["169.254.169.254"]
    with pytest.raises(Denied):
        world.fetch(f"http://service.test:{server.port}/")
    assert world.rules == ["http.address"]
    assert server.connections == 1


def test_each_redirect_is_checked_against_the_grant_again(world, serve):
    server = serve({"/": moved("https://other.test/")})
    world.grants("service.test", ports=[server.port])
    with pytest.raises(Denied):
        world.fetch(f"http://service.test:{server.port}/")
    assert world.rules == ["http.grant"]
    assert world.lookups == ["service.test"]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//169.254.169.254/",
        "file:///etc/passwd",
        "\\\\evil",
        "http://a@b.test/",
    ],
)
def test_a_redirect_to_what_is_no_granted_url_is_refused(world, serve, location):
    server = serve({"/": moved(location)})
    world.grants("service.test", ports=[server.port, 80])
    with pytest.raises(Denied):
        world.fetch(f"http://service.test:{server.port}/")
    assert world.rules == ["http.url"]


def test_redirects_are_followed_so_often_and_no_more(world, serve):
    server = serve(
        {"/": moved("/a"), "/a": moved("b"), "/b": ok(b"there"), "/round": moved("/round")}
    )
    world.grants("service.test", ports=[server.port])
    base = f"http://service.test:{server.port}"
    assert world.fetch(f"{base}/", redirects=2)[2] == b"there"
    assert world.fetch(f"{base}/", redirects=0)[0] == 302
    with pytest.raises(Denied):
        world.fetch(f"{base}/round")
    assert world.rules == ["http.redirects"]


def test_a_redirected_post_becomes_a_get_only_where_get_is_granted(world, serve):
    server = serve({"/": moved("/next"), "/same": moved("/next", "307 X"), "/next": ok(b"done")})
    world.grants("service.test", ports=[server.port], methods=["POST"])
    base = f"http://service.test:{server.port}"
    assert world.fetch(f"{base}/same", method="POST", body=b"data")[2] == b"done"
    assert server.bodies == [b"data", b"data"]
    with pytest.raises(Denied):
        world.fetch(f"{base}/", method="POST", body=b"data")
    assert world.rules == ["http.grant"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-a", "1\r\nx-b: 2"),
        ("x-a", "1\n"),
        ("x-a", "\0"),
        ("x-a", "ä"),
        ("x a", "1"),
        ("x:a", "1"),
        ("", "1"),
        ("Host", "evil.test"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "upgrade"),
        ("proxy-authorization", "x"),
        ("accept-encoding", "br"),
    ],
)
def test_a_header_that_would_change_the_request_is_refused(world, name, value):
    world.grants("service.test")
    with pytest.raises(Denied):
        world.fetch("https://service.test/", headers={name: value})
    assert world.rules == ["http.header"]


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n broken: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcdef",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n",
        b"",
    ],
)
def test_an_answer_out_of_form_is_an_error_of_the_fetch(world, serve, answer):
    server = serve({"/": answer})
    world.grants("service.test", ports=[server.port])
    with pytest.raises(FetchFailed):
        world.fetch(f"http://service.test:{server.port}/")


def test_a_name_without_addresses_is_not_found(world):
    world.grants("nowhere.test")
    with pytest.raises(NotFound):
        world.fetch("https://nowhere.test/")


def test_a_host_may_be_private_by_the_operators_word_and_needs_a_grant_all_the_same(world, serve):
    server = serve({"/": ok(b"mine")})
    with pytest.raises(Denied):
        world.fetch(f"http://service.test:{server.port}/")
    assert world.rules == ["http.grant"]
