"""What a kernel says to others, described for programs: JSON Schema, and AsyncAPI."""

from __future__ import annotations

from .asyncapi import asyncapi
from .attributes import ATTRIBUTES, REQUIRED
from .channels import Names
from .documents import command_document, event_document
from .events import Schema

__all__ = [
    "ATTRIBUTES",
    "REQUIRED",
    "Names",
    "Schema",
    "asyncapi",
    "command_document",
    "event_document",
]
