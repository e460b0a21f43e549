from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import ssl
import subprocess

import pytest

from retinue.bus.errors import Denied, FetchFailed

from .servers import Server, moved, ok
from .vaults import KEY


@pytest.fixture
def granted(world, serve):
    """A world that may use KEY at a server, which says back what it got."""

    async def echo(reader, writer, head):
        told = "; ".join(line for line in head.split("\r\n") if line.startswith("authorization"))
        body = told.encode() + base64.b64encode(told.encode())
        answer = ok(body, f"x-echo: {told}")
        for at in range(0, len(answer), 7):  # cut in the middle of it
            writer.write(answer[at : at + 7])
            await writer.drain()

    server = serve({"/": echo, "/page": ok(b"page")})
    world.grants("service.test", "other.test", ports=[server.port], secrets=("KEY", "GONE"))
    world.addresses["other.test"] = ["127.0.0.1"]
    world.private = ("service.test", "other.test")
    world.server = server
    world.url = f"http://service.test:{server.port}/"
    return world


def test_the_host_puts_a_secret_into_a_header_and_the_plugin_never_sees_it(granted):
    status, headers, body = granted.fetch(
        granted.url, headers={"authorization": "Bearer {secret:KEY}"}
    )
    assert f"authorization: Bearer {KEY}\r\n" in granted.server.heads[0]
    assert status == 200
    assert KEY not in f"{headers}"
    assert KEY.encode() not in body
    assert base64.b64encode(KEY.encode())[4:-4] not in body
    assert b"[secret:KEY]" in body


def test_only_header_values_are_filled_in(granted):
    granted.fetch(granted.url, headers={"x-a": "plain"}, body=b"{secret:KEY}")
    assert granted.server.bodies == [b"{secret:KEY}"]
    with pytest.raises(Denied):
        granted.fetch(granted.url + "?k={secret:KEY}")
    assert KEY not in "".join(granted.server.heads)


def test_a_secret_that_was_not_granted_is_refused(granted):
    granted.grants("service.test", ports=[granted.server.port])
    with pytest.raises(Denied):
        granted.fetch(granted.url, headers={"x-key": "{secret:KEY}"})
    assert granted.rules == ["secret.grant"]
    assert granted.server.connections == 0


def test_a_secret_that_is_not_there_is_refused(granted):
    with pytest.raises(Denied):
        granted.fetch(granted.url, headers={"x-key": "{secret:GONE}"})
    assert granted.rules == ["secret.unknown"]


def test_a_secret_goes_to_the_hosts_that_the_operator_named_for_it(granted):
    granted.vault.places["KEY"] = ("other.test",)
    with pytest.raises(Denied):
        granted.fetch(granted.url, headers={"x-key": "{secret:KEY}"})
    assert granted.rules == ["secret.host"]


def test_a_redirect_to_another_host_takes_no_secret_along(granted):
    port = granted.server.port
    granted.server.answers["/away"] = moved(f"http://other.test:{port}/page")
    headers = {"authorization": "Basic abc", "x-key": "{secret:KEY}", "x-plain": "kept"}
    assert granted.fetch(f"{granted.url}away", headers=headers)[2] == b"page"
    first, second = granted.server.heads
    assert KEY in first
    assert KEY not in second
    assert "authorization" not in second
    assert "x-plain: kept" in second


def test_a_secret_with_a_line_break_does_not_become_two_headers(granted):
    granted.vault.values["KEY"] = "value\r\nx-more: header"
    with pytest.raises(Denied):
        granted.fetch(granted.url, headers={"x-key": "{secret:KEY}"})
    assert granted.server.heads == []


def test_a_secret_is_not_sent_without_encryption(granted):
    granted.private = ()
    granted.addresses["service.test"] = ["93.184.216.34"]
    with pytest.raises(Denied):
        granted.fetch(granted.url, headers={"x-key": "{secret:KEY}"})
    assert granted.rules == ["secret.plain"]


def test_a_plugin_signs_with_a_secret_that_it_does_not_see(granted):
    data = base64.b64encode(b"message").decode()
    answer = granted.ask("secret.use", name="KEY", data=data)
    expected = hmac.new(KEY.encode(), b"message", hashlib.sha256).digest()
    assert base64.b64decode(answer["mac"]) == expected
    granted.grants("service.test")
    with pytest.raises(Denied):
        granted.ask("secret.use", name="KEY", data=data)
    assert granted.rules == ["secret.grant"]


@pytest.fixture
def safe(world, tmp_path, missing):
    """A world whose service.test has a certificate, and notes for which names it was asked."""
    certificates = _certificates(tmp_path, missing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    world.names = []
    context.sni_callback = lambda sock, name, ctx: world.names.append(name)
    world.server = Server({"/": ok(b"safe")}, context)
    world.private = ("service.test", "other.test")
    world.addresses["other.test"] = ["127.0.0.1"]
    world.grants("service.test", "other.test", ports=[world.server.port])
    world.tls = lambda: ssl.create_default_context(cafile=certificates)
    yield world
    world.server.close()


def test_the_certificate_has_to_be_the_hosts_by_its_name(safe):
    port = safe.server.port
    assert safe.fetch(f"https://service.test:{port}/")[2] == b"safe"
    with pytest.raises(FetchFailed):
        safe.fetch(f"https://other.test:{port}/")
    safe.tls = ssl.create_default_context
    with pytest.raises(FetchFailed):
        safe.fetch(f"https://service.test:{port}/")
    assert safe.names == ["service.test", "other.test", "service.test"]


def test_no_redirect_leads_from_https_to_http(safe, serve):
    plain = serve({"/": ok(b"in the open")})
    safe.server.answers["/"] = moved(f"http://service.test:{plain.port}/")
    safe.grants("service.test", ports=[safe.server.port, plain.port])
    with pytest.raises(Denied):
        safe.fetch(f"https://service.test:{safe.server.port}/")
    assert safe.rules == ["http.downgrade"]
    assert plain.connections == 0


def _certificates(folder, missing):
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    san = ["-addext", "subjectAltName=DNS:service.test"]
    files = ["-keyout", f"{folder}/server.key", "-out", f"{folder}/server.crt"]
    made = subprocess.run([*words.split(), *san, *files], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    return str(folder / "server.crt")
