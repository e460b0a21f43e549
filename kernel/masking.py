"""Secrets among settings: recognised by their names, and as passwords inside URLs. Pure."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_secret", "masked", "password_in"]

_IN_QUERY = re.compile(r"([?&]password=)[^&]*")
_WORDS = ("password", "secret", "token", "api_key", "apikey", "credential")


def masked(name: str, value: Any) -> Any:
    """The value as it may be shown. A setting that ends in ``_env`` or ``_file`` says where it is."""
    if is_secret(name):
        return "***"
    if isinstance(value, str) and "://" in value:
        return _without_password(value)
    return value


def is_secret(name: str) -> bool:
    """Whether a setting's name says that its value is a secret."""
    last = name.rpartition(".")[2].lower()
    return any(word in last for word in _WORDS) and not last.endswith(("_env", "_file"))


def password_in(url: str) -> str:
    """The password of a URL as it stands there, or an empty string."""
    _, _, rest = url.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return user.partition(":")[2] if at else ""


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    rest = _IN_QUERY.sub(r"\1***", rest)
    user, at, host = rest.rpartition("@")
    url = f"{scheme}://{rest}"
    if not at:
        return url
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}:***@{host}" if colon else f"{scheme}://***@{host}"
