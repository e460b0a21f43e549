"""TLS, and connections that take their time."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest

from retinue.bus.errors import ConfigError, Unavailable
from retinue.kernel.api import protocols
from retinue.kernel.api_config import ApiConfig, TlsConfig
from retinue.kernel.client import Client
from retinue.kernel.config import Config
from retinue.kernel.listening import check_listening

from .conftest import serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory, missing):
    """A certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificate")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return TlsConfig(cert_file=str(folder / "cert.pem"), key_file=str(folder / "key.pem"))


def test_over_tls_a_client_is_served_and_trusts_nobody_else(tmp_path, certificate):
    with serving(tmp_path, tcp="127.0.0.1:0", config=Config(tls=certificate)) as served:
        url = f"https://{served.server.address}"
        token = served.bearer("operator").removeprefix("Bearer ")
        client = Client(url=url, token=token, ca_file=certificate.cert_file)
        assert client.submit("shout", {"text": "hi"}, wait=30).result == "HI"
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            Client(url=url, token=token).status()
        with pytest.raises(Unavailable):
            Client(url=f"http://{served.server.address}", token=token).status()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"listen": "0.0.0.0:1"}, "tokens would travel in clear"),
        ({"tls": TlsConfig(cert_file="/nothing")}, "give both"),
        ({"tls": TlsConfig(cert_file="/nothing", key_file="/nothing")}, "no file /nothing"),
        ({"listen": "example.org:1"}, "api.names"),
    ],
)
def test_what_does_not_hold_together_is_refused_before_anything_listens(given, word):
    with pytest.raises(ConfigError, match=word):
        check_listening(Config(**given))


def test_an_address_beyond_this_machine_takes_a_certificate_or_a_proxy(certificate):
    check_listening(Config(listen="0.0.0.0:1", tls=certificate))
    check_listening(Config(listen="0.0.0.0:1", api=ApiConfig(behind_proxy=True)))


def test_a_later_request_that_comes_drop_by_drop_is_cut_too(tmp_path, monkeypatch):
    with serving(tmp_path, tcp="127.0.0.1:0") as served:
        host, port = served.server.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as raw:
            raw.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert raw.recv(10_000).startswith(b"HTTP/1.1 200")
            monkeypatch.setattr(protocols, "FIRST_REQUEST", 0.05)
            raw.sendall(b"GET /hea")
            try:
                rest = b"".join(iter(lambda: raw.recv(10_000), b""))
            except ConnectionResetError:
                rest = b""
            assert b"HTTP/1.1 200" not in rest
