"""Secrets: registered values that are replaced wherever a message or a text would show them."""

from __future__ import annotations

from .octets import BytesRedactor
from .redactor import Redactor, is_withheld
from .secrets import Held, Secrets
from .stream import StreamRedactor

__all__ = ["BytesRedactor", "Held", "Redactor", "Secrets", "StreamRedactor", "is_withheld"]
