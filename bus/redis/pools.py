"""redis-py's connections as Retinue wants them: no retries, no greetings, the address found late."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.credentials import CredentialProvider
from redis.retry import Retry

from ..errors import ConfigError
from .access import Access, Secret, check_private
from .address import Address, Host, parse, redacted
from .resolving import Ask, ClusterNodes, Place, SentinelService

__all__ = ["make_pool"]

_FALSE = ("false", "no", "0")


def make_pool(
    url: str,
    timeout: float,
    read_timeout: float,
    slot: str = "",
    access: Access | None = None,
    protocol: Literal[2, 3] | None = None,
) -> ConnectionPool:
    """Connections to what the URL names; see ``client.connection``."""
    address, access = parse(url), access or Access()
    if protocol:
        address = address._replace(protocol=protocol)
    common = _common(timeout) | _tls(address, access)
    options = common | _session(url, address, access) | {"socket_timeout": read_timeout}
    if address.path:
        return ConnectionPool(UnixDomainSocketConnection, path=address.path, **options)
    options["socket_keepalive"] = True
    plain = SSLConnection if address.tls else Connection
    if not address.kind:
        host = address.hosts[0]
        return ConnectionPool(plain, host=host.name, port=host.port, **options)
    place = _place(address, slot, plain, common, access, options)
    found = _SecurelyFound if address.tls else _Found
    return ConnectionPool(found, place=place, **options)


class _Credentials(CredentialProvider):
    """Gives redis-py what to log in with at each connect, so that a new password is taken up."""

    def __init__(self, username: str, password: str, secret: Secret) -> None:
        self._username = username
        self._password = password
        self._secret = secret

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = self._secret.read() or self._password
        except (
            ConfigError
        ) as error:  # it was there at the start: this connect fails, not the mirror
            raise redis.AuthenticationError(str(error)) from None
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()

    def __repr__(self) -> str:
        return f"<credentials of {self._username or 'default'}>"


class _Found(Connection):
    """Asks where to connect to before it does, and looks whom it met."""

    def __init__(self, *, place: Place, **options: Any) -> None:
        super().__init__(redis_connect_func=self._introduce, **options)  # type: ignore[no-untyped-call]
        self._place = place

    def _connect(self) -> Any:
        self.host, self.port = self._place.find()
        return super()._connect()  # type: ignore[no-untyped-call]

    def _introduce(self: Any, _: object) -> None:
        self.on_connect()
        # HELLO needs no permission, unlike ROLE, and knows the role in either protocol.
        self.send_command("HELLO", check_health=False)
        self._place.accept(self.read_response())


class _SecurelyFound(_Found, SSLConnection):
    """The same over TLS."""


def _common(timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "decode_responses": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
    }
    known = inspect.signature(AbstractConnection.__init__).parameters
    # CLIENT SETINFO would take two round trips, and a permission, to say "redis-py".
    quiet = ("driver_info",) if "driver_info" in known else ("lib_name", "lib_version")
    options |= dict.fromkeys(quiet)
    if "maint_notifications_config" in known:  # RESP3 would ask for them, in vain, at each connect
        from redis.maint_notifications import MaintNotificationsConfig

        options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return options


def _session(url: str, address: Address, access: Access) -> dict[str, Any]:
    options: dict[str, Any] = {"protocol": address.protocol, "db": address.db}
    options |= {k: v for k, v in address.options if not k.startswith("ssl_")}
    if access.password and address.password:
        raise ConfigError(
            f"Redis at {redacted(url)} has a password in its URL and {access.password!r}: "
            "leave out the one in the URL"
        )
    access.password.read()  # refuse now what every connect would refuse
    username = access.username or address.username
    if username or address.password or access.password:
        options["credential_provider"] = _Credentials(username, address.password, access.password)
    return options


def _tls(address: Address, access: Access) -> dict[str, Any]:
    if not address.tls:
        if access.ca_file or access.cert_file or access.key_file:
            raise ConfigError("certificates are for TLS: write rediss:// in place of redis://")
        return {}
    options: dict[str, Any] = {k: v for k, v in address.options if k.startswith("ssl_")}
    if "ssl_check_hostname" in options:
        options["ssl_check_hostname"] = options["ssl_check_hostname"].lower() not in _FALSE
    files = {
        "ssl_ca_certs": access.ca_file,
        "ssl_certfile": access.cert_file,
        "ssl_keyfile": access.key_file,
    }
    options |= {name: file for name, file in files.items() if file}
    if key := options.get("ssl_keyfile"):
        check_private(key, "key file")
    return options


def _place(
    address: Address,
    slot: str,
    kind: Any,
    common: dict[str, Any],
    access: Access,
    session: dict[str, Any],
) -> Place:
    timeout: float = common["socket_timeout"]
    if address.kind == "cluster":
        return ClusterNodes(address.hosts, slot, _asker(kind, session), timeout)
    access.sentinel_password.read()
    asking = dict(common)
    if access.sentinel_username or access.sentinel_password:
        asking["credential_provider"] = _Credentials(
            access.sentinel_username, "", access.sentinel_password
        )
    return SentinelService(address.hosts, address.service, _asker(kind, asking), timeout)


def _asker(kind: Any, options: dict[str, Any]) -> Ask:
    def ask(host: Host, command: Sequence[str], seconds: float) -> Any:
        bounded = options | {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        connection = kind(host=host.name, port=host.port, **bounded)
        try:
            connection.send_command(*command, check_health=False)
            return connection.read_response()
        finally:
            connection.disconnect()

    return ask
