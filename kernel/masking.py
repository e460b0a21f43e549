"""Secrets among settings: recognised by their names, and as passwords inside URLs. Pure."""

from __future__ import annotations

from typing import Any

__all__ = ["masked"]

_WORDS = ("password", "secret", "token", "api_key", "apikey", "credential")


def masked(name: str, value: Any) -> Any:
    """The value as it may be shown. A setting that ends in ``_env`` only names a variable."""
    last = name.rpartition(".")[2].lower()
    if any(word in last for word in _WORDS) and not last.endswith("_env"):
        return "***"
    if isinstance(value, str) and "://" in value:
        return _without_password(value)
    return value


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if not at:
        return url
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}:***@{host}" if colon else f"{scheme}://***@{host}"
