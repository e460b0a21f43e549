"""What a program says when it makes a kernel wins over the configuration that it gives."""

from __future__ import annotations

from pathlib import Path

import msgspec

from retinue.bus.errors import ConfigError

from .config import Config

__all__ = ["checked", "overridden"]


def overridden(
    config: Config, name: str | None, redis: str | None, state_dir: str | Path | None
) -> Config:
    """The configuration with these settings replaced; raises ``ConfigError``."""
    given = {
        "name": name,
        "redis": redis,
        "state_dir": None if state_dir is None else str(state_dir),
    }
    changed = {key: value for key, value in given.items() if value is not None}
    return checked(msgspec.structs.replace(config, **changed)) if changed else config


def checked(config: Config) -> Config:
    """The configuration with every rule applied; raises ``ConfigError``."""
    try:
        return msgspec.convert(msgspec.to_builtins(config), Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the configuration is not valid: {error}") from error
