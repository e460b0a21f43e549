"""``plugin.toml``: what a plugin says of itself, and what an operator granted it."""

from __future__ import annotations

from .admission import Admitted, admit, read_admitted
from .model import Grant, Manifest
from .parse import MAX_BYTES, parse_manifest, read_manifest

__all__ = [
    "MAX_BYTES",
    "Admitted",
    "Grant",
    "Manifest",
    "admit",
    "parse_manifest",
    "read_admitted",
    "read_manifest",
]
