"""Finds and makes plugins; a broken one is reported, and the others still load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from typing import Any

from retinue.bus.clock import Clock
from retinue.bus.errors import PluginError

from .manifest import read_manifest
from .plugin import Plugin
from .references import find

__all__ = ["GROUP", "load_manifest", "load_plugins"]

GROUP = "retinue.plugins"
"""The entry point group; each entry names a factory ``(settings) -> Plugin``, or ``(settings, clock)``."""


def load_plugins(
    settings: Mapping[str, Mapping[str, Any]],
    found: Iterable[EntryPoint] | None = None,
    clock: Clock | None = None,
) -> tuple[list[Plugin], list[PluginError]]:
    """Every installed plugin, by name, and one error for each that cannot be had.

    ``settings`` maps a plugin's name to its settings; ``{"enabled": False}`` leaves it out.
    ``found`` are the entry points, those of the group by default. ``clock`` goes to factories that
    take one.
    """
    plugins: dict[str, Plugin] = {}
    errors: list[PluginError] = []
    entries = list(entry_points(group=GROUP) if found is None else found)
    for entry in sorted(entries, key=lambda e: e.name):
        given = dict(settings.get(entry.name, {}))
        if not given.pop("enabled", True):
            continue
        try:
            _refuse_twin(entry, plugins)
            plugins[entry.name] = _make(entry.name, entry.value, entry.load, given, clock)
        except PluginError as error:
            errors.append(error)
    errors += _unknown(settings, {e.name for e in entries})
    return list(plugins.values()), errors


def load_manifest(path: Path, settings: Mapping[str, Any]) -> Plugin:
    """The plugin that a manifest describes, made in this process: for trusted code only.

    Raises ``PluginError``.
    """
    manifest = read_manifest(path)
    merged = {**manifest.settings, **settings}
    plugin = _make(manifest.name, manifest.entry, lambda: find(manifest.entry), merged)
    if plugin.version != manifest.version:
        raise PluginError(
            f"{path}: version is {manifest.version}, the code's {plugin.version}; make them equal"
        )
    return plugin


def _make(
    name: str,
    origin: str,
    load: Callable[[], Any],
    settings: Mapping[str, Any],
    clock: Clock | None = None,
) -> Plugin:
    """Import the factory and call it; whatever that raises is this plugin's error."""
    try:
        factory = load()
        timed = clock is not None and "clock" in signature(factory).parameters
        plugin = factory(settings, clock=clock) if timed else factory(settings)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin '{name}' ({origin}): {type(error).__name__}: {error}") from error
    if not isinstance(plugin, Plugin):
        raise PluginError(
            f"plugin '{name}' ({origin}): the factory returned {type(plugin).__name__}; return a Plugin"
        )
    if plugin.name != name:
        raise PluginError(f"plugin '{name}' ({origin}): calls itself '{plugin.name}'; use one name")
    return plugin


def _refuse_twin(entry: EntryPoint, plugins: Mapping[str, Plugin]) -> None:
    if entry.name in plugins:
        raise PluginError(
            f"plugin '{entry.name}' ({entry.value}): the name is taken; uninstall one of the two"
        )


def _unknown(settings: Mapping[str, Any], names: set[str]) -> list[PluginError]:
    return [
        PluginError(
            f"plugin '{name}': has settings but is not installed; known are {', '.join(sorted(names))}"
        )
        for name in settings
        if name not in names
    ]
