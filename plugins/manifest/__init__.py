"""``plugin.toml``: what a plugin says of itself, and what an operator granted it."""

from __future__ import annotations

from .parse import MAX_BYTES, Manifest, parse_manifest, read_manifest

__all__ = ["MAX_BYTES", "Manifest", "parse_manifest", "read_manifest"]
