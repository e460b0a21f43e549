"""The secrets that a kernel gets to know by its configuration and environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from retinue.bus.redact import Secrets
from retinue.bus.redact.forms import LEAST
from retinue.bus.redis.address import parse

from .config import Config
from .given_token import given_token
from .masking import is_secret, password_in
from .redis_access import access_of

__all__ = ["register_known"]


def register_known(secrets: Secrets, config: Config, environ: Mapping[str, str]) -> None:
    """Register keys of models, passwords for Redis and in URLs, given tokens, and what is named secret.

    Raises ``ConfigError`` when a file or variable does not hold the password that it should.
    What is too short to be told apart from other text, such as a key ``none``, is left out.
    """
    settings = _settings("", msgspec.to_builtins(config))
    for name, value in (*_keys(config, environ), *_redis(config, environ), *settings):
        if len(value.strip()) >= LEAST:
            secrets.register(value, name)


def _keys(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = {endpoint.api_key_env for endpoint in config.models.endpoints.values()}
    for name in sorted({"OPENAI_API_KEY", "RETINUE_TOKEN", *named}):
        yield name[:64], environ.get(name, "")
    yield "password", unquote(password_in(environ.get("OPENAI_BASE_URL", "")))
    yield "token", given_token(config.api.admin_token_file)


def _redis(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if config.redis not in ("none", "auto"):
        yield "password", parse(config.redis).password
    access = access_of(config, environ)
    yield "redis password", access.password.read()
    yield "redis password", access.sentinel_password.read()


def _settings(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each text below ``value``, if its own name or one above it says that it is secret."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _settings(f"{name}.{key}" if name else str(key), part)
    elif isinstance(value, list):
        for part in value:
            yield from _settings(name, part)
    elif isinstance(value, str):
        if is_secret(name):
            yield "setting", value
        elif password := password_in(value):
            yield "password", unquote(password)
            yield "password", password
