"""``plugin.toml``: what a plugin says of itself, read strictly."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput, PluginError

from ..plugin import check_plugin_name, check_version

__all__ = ["MAX_BYTES", "Manifest", "parse_manifest", "read_manifest"]

MAX_BYTES = 64 * 1024
_ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin's manifest. ``entry`` is ``module:attribute``, a factory that takes settings.

    ``settings`` are the plugin's defaults; the operator's are laid over them.
    """

    name: str
    version: str
    entry: str
    description: str = ""
    settings: dict[str, Any] = {}


def read_manifest(path: Path) -> Manifest:
    """The manifest at ``path``: a regular file of at most 64 KiB, not a link.

    Raises ``PluginError`` that names the file, the key and its line, and the remedy.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise PluginError(f"{path}: cannot be opened: {error}; give a plugin.toml") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PluginError(f"{path}: is not a regular file; give a plugin.toml")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return parse_manifest(file.read(MAX_BYTES + 1), str(path))
    finally:
        os.close(descriptor)


def parse_manifest(data: bytes, source: str) -> Manifest:
    """The manifest in ``data``; ``source`` names the file in errors. Pure."""
    if len(data) > MAX_BYTES:
        raise PluginError(f"{source}: is over {MAX_BYTES} bytes; a manifest is a few lines")
    text = _decode(data, source)
    try:
        manifest = msgspec.convert(tomllib.loads(text), Manifest)
        check_plugin_name(manifest.name)
        check_version(manifest.version, manifest.name)
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{source}: is not TOML: {error}") from error
    except RecursionError as error:
        raise PluginError(f"{source}: is nested too deeply; a manifest is a few lines") from error
    except msgspec.ValidationError as error:
        raise PluginError(f"{source}{_line_of(str(error), text)}: {error}; {_KEYS}") from error
    except InvalidInput as error:
        key = "version" if ": version " in str(error) else "name"
        raise PluginError(f"{source}{_line_of(f'`{key}`', text)}: {error}") from error
    if not _ENTRY.match(manifest.entry):
        raise PluginError(
            f"{source}{_line_of('`entry`', text)}: entry {manifest.entry!r} is not module:attribute; "
            "name the factory as in 'my_plugin.tools:plugin'"
        )
    return manifest


_KEYS = "the keys are name, version, entry, and if you like description and [settings]"


def _decode(data: bytes, source: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PluginError(f"{source}: is not UTF-8: {error}; save it as UTF-8") from error
    if "\0" in text:
        raise PluginError(f"{source}: holds a NUL character; remove it")
    return text


def _line_of(error: str, text: str) -> str:
    """``:4`` for the line of the first key that ``error`` names, or nothing."""
    path, named = re.search(r"`\$\.(\w+)", error), re.search(r"field `(\w+)`|^`(\w+)`", error)
    found = path or named
    key = found and next(filter(None, found.groups()))
    for number, line in enumerate(text.splitlines(), start=1):
        if key and re.match(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]", line):
            return f":{number}"
    return ""
