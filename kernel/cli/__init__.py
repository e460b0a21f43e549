"""The command line: ``retinue``. One file a noun, imported when its command is called."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
