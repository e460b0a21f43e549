"""The plugin: its pages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec

from ..pages import Pages
from ..plugin import Plugin
from ..system.settings import read_settings

__all__ = ["Settings", "plugin"]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None: whom the console lets in, and to what, is the API's to say."""


def plugin(settings: Mapping[str, Any]) -> Plugin:
    """The plugin."""
    read_settings(settings, Settings, "console")
    folder = resources.files("retinue.plugins.console") / "static"
    return Plugin("console", "1.0", description="The web console", pages=Pages(folder))
