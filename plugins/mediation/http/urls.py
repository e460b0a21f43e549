"""URLs, read strictly: one spelling, one meaning, or a refusal. Pure."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urljoin

import msgspec

from retinue.bus.errors import Denied, InvalidInput

from ...manifest.hosts import normal_host

__all__ = ["Target", "joined", "parse_url", "shown"]

MAX_URL = 8192
_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)?(\?[^#]*)?(#.*)?\Z", re.IGNORECASE)
_AUTHORITY = re.compile(r"(.+?)(?::([1-9][0-9]{0,4}))?\Z")
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*\Z")
"""What RFC 3986 allows in a path and a query."""


class Target(msgspec.Struct, frozen=True):
    """Where a request goes. ``host`` is in its one spelling, ``path`` has the query with it."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole of it, without a fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a header with a secret was meant for."""
        return self.scheme, self.host, self.port


def parse_url(url: str) -> Target:
    """The target of an ``http`` or ``https`` URL.

    Raises ``Denied`` for whatever two programs might read in two ways: user names, backslashes,
    control characters, blanks, addresses in any spelling, ports that are none.
    """
    if len(url) > MAX_URL or "\\" in url or not url.isprintable() or " " in url:
        raise _refused(url, f"it has up to {MAX_URL} characters: no backslash, blank or control")
    found = _URL.match(url)
    if found is None:
        raise _refused(url, "it begins with http:// or https:// and a host")
    scheme, authority, path, query, _ = found.groups()
    if "@" in authority:
        raise _refused(url, "it names no user and no password: use a header with a secret")
    host, port = _host_and_port(url, authority)
    where = f"{path or '/'}{query or ''}"
    if not _PATH.match(where):
        raise _refused(url, "its path and query are percent-encoded ASCII")
    known: Literal["http", "https"] = "https" if scheme.lower() == "https" else "http"
    return Target(known, host, port or _PORTS[known], where)


def joined(base: Target, location: str) -> Target:
    """Where a redirect leads; raises ``Denied`` as ``parse_url`` does."""
    if "\\" in location or not location.isprintable() or " " in location:
        raise _refused(location, "it redirects to what is no URL")
    try:
        return parse_url(urljoin(base.url, location))
    except ValueError:
        raise _refused(location, "it redirects to what is no URL") from None


def shown(url: str) -> str:
    """The URL as events and messages may have it: no user, no query, nothing unprintable."""
    plain = "".join(c if c.isprintable() else "�" for c in url[:500])
    scheme, mark, rest = plain.partition("?")[0].partition("#")[0].partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def _host_and_port(url: str, authority: str) -> tuple[str, int]:
    found = _AUTHORITY.match(authority)
    if found is None:
        raise _refused(url, "it names a host")
    host, port = found[1], int(found[2] or 0)
    if port > 65535:
        raise _refused(url, "its port is 1 to 65535")
    try:
        return normal_host(host), port
    except InvalidInput as error:
        raise _refused(url, str(error)) from None


def _refused(url: str, rule: str) -> Denied:
    return Denied("http.url", shown(url), f"url {shown(url)!r}: {rule}")
