"""What plugins may be granted at all: the operator's ceiling, whatever he says yes to later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from retinue.bus.errors import ConfigError, PluginError
from retinue.plugins.manifest.grants import checked, describe, intersection
from retinue.plugins.manifest.model import Permissions

__all__ = ["beyond", "ceiling_of", "within"]


def ceiling_of(table: Mapping[str, Any]) -> Permissions | None:
    """``[sandbox.allow]``, in the one spelling of permissions; ``None`` when it is not there.

    Raises ``ConfigError`` that names the key and the rule.
    """
    if not table:
        return None
    try:
        return checked(msgspec.convert(dict(table), Permissions), "of [sandbox.allow]")
    except (msgspec.ValidationError, PluginError) as error:
        raise ConfigError(f"sandbox.allow: {error.__cause__ or error}") from error


def within(asked: Permissions, ceiling: Permissions | None) -> Permissions:
    """What is asked for and not beyond the ceiling. Pure."""
    return asked if ceiling is None else intersection(asked, ceiling)


def beyond(asked: Permissions, ceiling: Permissions | None) -> tuple[str, ...]:
    """What is asked for and cannot be granted, in words for the operator. Pure."""
    allowed = describe(within(asked, ceiling))
    return tuple(line for line in describe(asked) if line not in allowed)
