"""``plugin.toml``: what a plugin says of itself, read strictly."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path

import msgspec

from retinue.bus.errors import InvalidInput, PluginError

from ..plugin import check_plugin_name, check_version
from .model import Manifest

__all__ = ["MAX_BYTES", "Manifest", "parse_manifest", "read_manifest"]

MAX_BYTES = 64 * 1024
_ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?\Z", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")


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
    if wrong := _wrong_start(manifest):
        key, rule = wrong
        raise PluginError(f"{source}{_line_of(f'`{key}`', text)}: {rule}")
    return manifest


def _wrong_start(manifest: Manifest) -> tuple[str, str] | None:
    """The key that says how the plugin starts, and what is wrong with it, if anything is."""
    entry, command, runtime = manifest.entry, manifest.command, manifest.runtime
    if runtime == "python" and not _ENTRY.match(entry):
        return "entry", (
            f"entry {entry!r} is not module:attribute; name the factory as in "
            "'my_plugin.tools:plugin', or a module of tools as in 'my_plugin'"
        )
    if runtime == "wasm" and not _FILE.match(entry):
        return "entry", f"entry {entry!r} is not a file of the plugin's, as in 'plugin.wasm'"
    if runtime in ("exec", "mcp"):
        if not command or not all(word and word.isprintable() for word in command):
            return "command", (
                f"runtime {runtime!r} needs command, a list of arguments as in "
                '["node", "{plugin}/server.js"]'
            )
        if entry:
            return "entry", f"runtime {runtime!r} has a command and no entry; take entry away"
        if runtime == "exec" and not manifest.tools:
            return (
                "tools",
                "runtime 'exec' needs its tools named: add [[tools]], each with a schema",
            )
    elif command:
        return "command", f"runtime {runtime!r} has an entry and no command; take command away"
    return None


_KEYS = (
    "the keys are name, version, runtime, entry or command, description, [[tools]], "
    "[permissions], [limits] and [settings]"
)


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
