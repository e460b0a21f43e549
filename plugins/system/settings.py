"""How a plugin of the system reads its settings: strictly, and with one clear line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from retinue.bus.errors import ConfigError

__all__ = ["NoSettings", "read_settings"]

S = TypeVar("S", bound=msgspec.Struct)


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a plugin that has none: any key is refused."""


def read_settings(settings: Mapping[str, Any], kind: type[S], plugin: str) -> S:
    """The settings as ``kind``; raises ``ConfigError`` that names the key and what there is."""
    try:
        return msgspec.convert(dict(settings), kind)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__) or "none"
        raise ConfigError(f"plugins.{plugin}: {error}; its settings are: {known}") from error
