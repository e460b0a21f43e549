"""``files``: list, search and read under folders that the operator granted, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from retinue.bus.clock import Clock, SystemClock

from ...plugin import Plugin
from ...tools import Tool
from ..settings import read_settings
from .library import Library
from .roots import Roots
from .tools import FileTools

__all__ = ["Settings", "plugin"]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``roots`` are the granted folders, by name or as a list (then named after the folder).

    ``hidden`` grants names with a leading dot as well. Sizes are in bytes: ``max_file`` of a file
    that is read or searched, ``max_read`` of the text that one read returns, ``max_search`` of all
    that one search goes through, ``max_kept`` of the files whose passages are kept for the next
    one. ``max_files`` is the most that a call looks at.
    """

    roots: dict[str, str] | list[str] = {}
    hidden: bool = False
    max_file: int = 2 * 1024 * 1024
    max_read: int = 256 * 1024
    max_search: int = 64 * 1024 * 1024
    max_kept: int = 32 * 1024 * 1024
    max_files: int = 20_000


def plugin(settings: Mapping[str, Any], clock: Clock | None = None) -> Plugin:
    """The plugin; raises ``ConfigError`` for a root that is not a folder."""
    read = read_settings(settings, Settings, "files")
    library = Library(
        Roots(_named(read.roots), hidden=read.hidden),
        max_file=read.max_file,
        max_files=read.max_files,
        max_kept=read.max_kept,
        clock=clock or SystemClock(),
    )
    tools = FileTools(library, max_read=read.max_read, max_search=read.max_search)
    return Plugin(
        "files",
        "1.0",
        tools=[
            Tool(tools.list_files, name="files.list"),
            Tool(tools.search, name="files.search"),
            Tool(tools.read, name="files.read"),
        ],
        description="Lists, searches and reads files under granted folders",
    )


def _named(roots: Mapping[str, str] | list[str]) -> dict[str, str]:
    """Roots by name; folders of a list that are named alike get a number."""
    if isinstance(roots, Mapping):
        return dict(roots)
    named: dict[str, str] = {}
    for path in roots:
        base = Path(path).expanduser().resolve().name or "root"
        name, number = base, 1
        while name in named:
            number += 1
            name = f"{base}-{number}"
        named[name] = path
    return named
