"""What a tool asks its host for, typed: the same in a plugin's process and inside the kernel."""

from __future__ import annotations

from .asking import Asker, HostPort, waited
from .files import Entry, Files, Stat
from .http import Answer, Http
from .memory import Memory, Note
from .others import KernelSide, OtherTools, Secrets

__all__ = [
    "Answer",
    "Asker",
    "Entry",
    "Files",
    "HostPort",
    "Http",
    "KernelSide",
    "Memory",
    "Note",
    "OtherTools",
    "Secrets",
    "Stat",
    "waited",
]
