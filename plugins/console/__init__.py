"""``console``: the web console, a plugin of the system that brings pages and no tool.

What it shows it asks the API for, as any client does.
"""

from __future__ import annotations

from .plugin import plugin

__all__ = ["plugin"]
