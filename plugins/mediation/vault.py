"""Secrets that the host uses for plugins, and never gives to them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from typing import Any, Literal, Protocol

import msgspec

from retinue.bus.errors import Denied, InvalidInput
from retinue.bus.redact import Secrets

from ..hosting.calls import CallContext
from .judge import Judge
from .mediator import parameters

__all__ = ["EmptyVault", "SecretService", "Vault", "granted_secret", "with_secrets"]

_PLACE = re.compile(r"\{secret:([A-Za-z_][A-Za-z0-9_]{0,127})\}")
_SIGNED_MOST = 128 * 1024


class Vault(Protocol):
    """Where the operator keeps secrets. Any thread may ask; may block for as long as a file takes."""

    def value(self, name: str) -> str:
        """The secret as it is now; it is withheld from all events from then on.

        Raises ``Denied`` for one that the operator has not configured, or that is not there.
        """

    def hosts(self, name: str) -> tuple[str, ...]:
        """Where it may be sent to; none named: wherever the plugin's grant lets it fetch."""


class EmptyVault:
    """No secrets."""

    def value(self, name: str) -> str:
        """Raise ``Denied``."""
        raise Denied("secret.unknown", name, f"the operator configured no secret {name!r}")

    def hosts(self, name: str) -> tuple[str, ...]:
        """Nowhere in particular."""
        return ()


class _Use(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    data: str
    algorithm: Literal["sha256", "sha384", "sha512", "sha1"] = "sha256"


class SecretService:
    """``secret.use``: sign with a secret. The value itself stays with the host."""

    def __init__(self, vault: Vault, judge: Judge) -> None:
        """``vault`` is asked at each request."""
        self._vault = vault
        self._judge = judge

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """The HMAC of some bytes. Raises ``Denied`` for a secret that was not granted."""
        if method != "secret.use":
            raise Denied("secret.unknown_method", method, f"there is no {method!r} to ask for")
        asked: _Use = parameters(params, _Use, method)
        await self._judge.allow(call, "kernel", "secret", {})
        found = await asyncio.to_thread(granted_secret, call, self._vault, asked.name)
        try:
            data = base64.b64decode(asked.data, validate=True)
        except ValueError as error:
            raise InvalidInput(f"{method}: data is not base64") from error
        if len(data) > _SIGNED_MOST:
            raise InvalidInput(f"{method}: signs {_SIGNED_MOST:,} bytes at most")
        made = hmac.new(found.encode(), data, getattr(hashlib, asked.algorithm)).digest()
        return {"mac": base64.b64encode(made).decode()}


def granted_secret(call: CallContext, vault: Vault, name: str, host: str = "") -> str:
    """The value, for the host's own use. Raises ``Denied`` unless granted, and meant for ``host``."""
    if name not in call.grant.permissions.secrets:
        raise Denied("secret.grant", name, f"it may not use the secret {name!r}")
    allowed = vault.hosts(name)
    if host and allowed and host not in allowed:
        raise Denied("secret.host", name, f"the secret {name!r} is not for host {host!r}")
    return vault.value(name)


def with_secrets(
    headers: tuple[tuple[str, str], ...], call: CallContext, vault: Vault, host: str
) -> tuple[tuple[tuple[str, str], ...], Secrets]:
    """The headers with ``{secret:NAME}`` filled in, and what has to be withheld from the answer."""
    values: dict[str, str] = {}
    sent = Secrets()

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            values[name] = granted_secret(call, vault, name, host)
            sent.register(values[name], name[:64])
        return values[name]

    return tuple((name, _PLACE.sub(filled, value)) for name, value in headers), sent
