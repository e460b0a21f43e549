"""The console's files as a browser gets them."""

from __future__ import annotations

import gzip
import http.client

import pytest

from .conftest import serving


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("tcp"), tcp="127.0.0.1:0") as served:
        yield served


def test_the_console_is_at_the_root_for_whoever_can_connect(reached):
    status, headers, body = _got(reached, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'src="/pages/console/main.js"' in body
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def test_its_files_are_sent_packed_to_who_takes_that(reached):
    plain = _got(reached, "/pages/console/main.js")
    packed = _got(reached, "/pages/console/main.js", **{"Accept-Encoding": "gzip, br"})
    assert plain[1]["content-type"] == "text/javascript; charset=utf-8"
    assert packed[1]["content-encoding"] == "gzip"
    assert gzip.decompress(packed[2]) == plain[2]
    assert len(packed[2]) < len(plain[2])
    assert plain[1]["vary"] == packed[1]["vary"] == "accept-encoding"


def test_what_a_browser_has_is_not_sent_again_and_is_asked_for_each_time(reached):
    _, headers, _ = _got(reached, "/")
    assert headers["cache-control"] == "no-cache"
    again = _got(reached, "/", **{"If-None-Match": f'"other", {headers["etag"]}'})
    assert (again[0], again[2], again[1]["etag"]) == (304, b"", headers["etag"])
    assert _got(reached, "/", **{"If-None-Match": '"other"'})[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/pages/console/nothing.js",
        "/pages/console/../plugin.py",
        "/pages/console/%2e%2e/plugin.py",
        "/pages/console/..%2fplugin.py",
        "/pages/console//etc/passwd",
        "/pages/clock/",
        "/pages/nobody/index.html",
    ],
)
def test_nothing_else_is_served(reached, path):
    assert _got(reached, path)[0] in (401, 404)


def test_pages_are_read_and_not_written(reached):
    assert _got(reached, "/", method="POST")[0] in (401, 405)
    assert _got(reached, "/", method="HEAD")[2] == b""


def _got(served, path, method="GET", **headers):
    connection = http.client.HTTPConnection(served.server.address, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
