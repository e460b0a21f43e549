"""The version of the installed distribution, read once when it is first asked for."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
