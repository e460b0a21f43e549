"""What plugins and agents may be granted at all: the operator's ceiling, whatever else is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from retinue.bus.errors import ConfigError, Denied, PluginError
from retinue.plugins.manifest.grants import checked, describe, intersection
from retinue.plugins.manifest.model import Permissions

__all__ = ["beyond", "ceiling_of", "refusal", "within"]

RULE = "sandbox.allow"


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


def refusal(agent: str, asked: Permissions, ceiling: Permissions | None) -> Denied | None:
    """Why an agent is not started with these permissions, if it is not. Pure.

    A plugin is granted less, which its operator sees when he approves it; nobody is asked about an
    agent, so that it would only fail later.
    """
    if not (lines := beyond(asked, ceiling)):
        return None
    return Denied(
        RULE,
        "; ".join(lines),
        f"agent {agent!r} may not {', nor '.join(lines)}: [{RULE}] does not cover that; spawn it "
        "without, or have the operator allow it there",
    )
