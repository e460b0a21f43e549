"""Settings of the API over TCP: who is let in, and by which certificate it shows who it is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["ApiConfig", "TlsConfig"]

Count = Annotated[int, Meta(ge=1)]
HostName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.:\[\]-]{1,253}\Z",
        description="a host name, such as retinue.example.org, or with a port",
    ),
]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, given by keyword; a misspelt key is an error."""


class ApiConfig(_Section, frozen=True):
    """The API over TCP; the Unix socket is the daemon's own user's, and heeds none of it.

    ``names`` are host names by which clients may call the server, besides its address. A token may
    ask ``rate`` times a second, and so may all who show none from one address. ``connections`` are
    open at once at most, a quarter of them from one address beyond this machine. With
    ``open_observers`` whoever reaches a loopback address reads the WebSockets of the dialects
    without a token. ``behind_proxy`` says that TLS ends at a proxy in front: then ``listen`` may be
    an address beyond this machine without a certificate. ``admin_token_file`` holds an admin's
    token of your own making, as the secrets of container engines do; it is taken up at each start,
    and goes with the setting.
    """

    names: tuple[HostName, ...] = ()
    rate: Count = 200
    connections: Count = 2048
    open_observers: bool = True
    behind_proxy: bool = False
    admin_token_file: str = ""


class TlsConfig(_Section, frozen=True):
    """The certificate (with its chain) that the API shows over TCP, and its key, as PEM files."""

    cert_file: str = ""
    key_file: str = ""
