"""A plugin's files as somebody sent them: laid out in a folder that can then be taken in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from retinue.bus.errors import PluginError

from .admission import check_path

__all__ = ["lay_out", "told"]

_MOST = 1_000


def lay_out(files: Mapping[str, bytes], folder: Path, source: str) -> None:
    """Write files by their paths, as ``src/plugin.py``, into a folder that is empty and ours alone.

    One that begins with ``#!`` may be executed. Raises ``PluginError`` that begins with ``source``
    for a path that leads elsewhere, and for what no plugin's folder may hold.
    """
    if len(files) > _MOST:
        raise PluginError(f"{source}: over {_MOST:,} files; load such a plugin from its folder")
    for path, content in files.items():
        check_path(path, source)
        place = folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                file.write(content)
        except (FileExistsError, NotADirectoryError) as error:
            raise PluginError(f"{source}: {path} is a file and a folder, or comes twice") from error
        place.chmod(0o700 if content.startswith(b"#!") else 0o600)


def told(error: PluginError, folder: Path, shown: str) -> str:
    """An error about the folder, which is called ``shown``: nobody outside knows where it is."""
    if shown == str(folder):
        return str(error)
    return str(error).replace(f"{folder}/", f"{shown}: ").replace(str(folder), shown)
