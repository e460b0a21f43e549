"""Redis URLs: one server, a service that Sentinels watch, or a cluster. Pure."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

from ..errors import ConfigError

__all__ = ["FORMS", "Address", "Host", "parse", "redacted"]

FORMS = (
    "redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH, "
    "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE or redis+cluster://HOST:PORT,HOST:PORT"
)

_SCHEME = re.compile(r"(?:(?P<unix>unix)|(?P<net>rediss?)(?:\+(?P<kind>sentinel|cluster))?)://")
_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\[\]:,/@\s]+))(?::(?P<port>\d{1,5}))?"
)
_DEFAULT_PORT = {"": 6379, "sentinel": 26379, "cluster": 6379}
_SECRETS = ("password", "username")
_OPTIONS = ("db", "protocol", "password", "username", "client_name")
_TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_check_hostname",
    "ssl_cert_reqs",
)
_IGNORED = ("socket_timeout", "socket_connect_timeout", "retry_on_timeout", "max_connections")
"""redis-py lets a URL override time-outs; here every wait has the bound that the caller gives."""


class Host(NamedTuple):
    """Where a server listens."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Address(NamedTuple):
    """What a URL says. ``hosts`` are Sentinels or some nodes where ``kind`` says so."""

    kind: Literal["", "sentinel", "cluster"]
    tls: bool
    hosts: tuple[Host, ...]
    path: str = ""
    service: str = ""
    db: int = 0
    protocol: Literal[2, 3] = 2
    username: str = ""
    password: str = ""
    options: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        where = self.path or ",".join(map(str, self.hosts))
        return f"<Address {self.kind or 'server'} {where} {self.service}".rstrip() + ">"


def parse(url: str) -> Address:
    """Raises ``ConfigError`` for what is not one of ``FORMS``; it shows no secret."""
    scheme = _SCHEME.match(url)
    if not scheme:
        raise _refusal(url, "there is no such scheme")
    user, place, query = _split(url[scheme.end() :])
    name, _, password = user.partition(":")
    options = _options(url, query, tls=scheme["net"] == "rediss")
    common: dict[str, Any] = {
        "protocol": _protocol(url, options.pop("protocol", "2")),
        "username": options.pop("username", unquote(name)),
        "password": options.pop("password", unquote(password)),
    }
    db = options.pop("db", "")
    if scheme["net"]:
        return _networked(url, scheme, place, db, common, options)
    if not place.startswith("/"):
        raise _refusal(url, "the path of a socket begins with /")
    rest = tuple(options.items())
    return Address("", False, (), unquote(place), "", _db(url, db), **common, options=rest)


def redacted(url: str) -> str:
    """The URL without its user and password, fit for logs, events and ``repr``."""
    scheme, slashes, rest = url.partition("://") if "://" in url else ("", "", url)
    user, place, query = _split(rest)
    pairs = [
        (key, "***" if key in _SECRETS else value)
        for key, value in parse_qsl(query, keep_blank_values=True)
    ]
    shown = f"?{urlencode(pairs, safe='*/')}" if pairs else ""
    return f"{scheme}{slashes}{'***@' if user else ''}{place}{shown}"


def _split(rest: str) -> tuple[str, str, str]:
    """User, place and query. All before the last ``@`` is the user's: a password may hold anything."""
    user, _, shown = ("", "", rest) if rest.startswith("/") else rest.rpartition("@")
    place, _, query = shown.partition("?")
    return user, place, query


def _networked(
    url: str,
    scheme: re.Match[str],
    place: str,
    db: str,
    common: dict[str, Any],
    options: dict[str, str],
) -> Address:
    kind: Any = scheme["kind"] or ""
    netloc, _, path = place.partition("/")
    service, number = _service_and_db(url, kind, path)
    number = _db(url, db) if db else number
    if kind == "cluster" and number:
        raise _refusal(url, "a cluster has database 0 alone")
    hosts = _hosts(url, netloc, _DEFAULT_PORT[kind])
    if not kind and len(hosts) > 1:
        raise _refusal(url, "several hosts need +sentinel or +cluster in the scheme")
    tls = scheme["net"] == "rediss"
    return Address(kind, tls, hosts, "", service, number, **common, options=tuple(options.items()))


def _service_and_db(url: str, kind: str, path: str) -> tuple[str, int]:
    if kind != "sentinel":
        return "", _db(url, path.strip("/"))
    service, _, db = path.partition("/")
    if not service:
        raise _refusal(url, "the service that the Sentinels watch is missing after the hosts")
    return unquote(service), _db(url, db)


def _hosts(url: str, netloc: str, port: int) -> tuple[Host, ...]:
    found = []
    for text in netloc.split(","):
        named = text if text and not text.startswith(":") else f"localhost{text}"
        host = _HOST.fullmatch(named)
        if not host or int(host["port"] or 1) not in range(1, 65536):
            raise _refusal(url, "a host is not HOST:PORT")
        found.append(Host(host["six"] or unquote(host["name"]), int(host["port"] or port)))
    return tuple(found)


def _options(url: str, query: str, *, tls: bool) -> dict[str, str]:
    known = (*_OPTIONS, *(_TLS_OPTIONS if tls else ()))
    options = dict(parse_qsl(query))
    for name in options:
        if name not in (*known, *_IGNORED):
            raise _refusal(url, f"its options are {', '.join(known)}")
    return {name: value for name, value in options.items() if name in known}


def _protocol(url: str, text: str) -> int:
    if text not in ("2", "3"):
        raise _refusal(url, "protocol is 2 or 3")
    return int(text)


def _db(url: str, text: str) -> int:
    if text and not text.isdecimal():
        raise _refusal(url, "a database is a number")
    return int(text or 0)


def _refusal(url: str, why: str) -> ConfigError:
    return ConfigError(f"Redis URL {redacted(url)!r}: {why}; write {FORMS}")
