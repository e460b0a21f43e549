"""What a plugin's interpreter needs of this one: its standard library, and three packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

import retinue.bus
import retinue.plugins

__all__ = ["Interpreter", "this_interpreter"]


class Interpreter(NamedTuple):
    """Folders to be readable, folders of packages by name, and the standard library's path."""

    readable: tuple[str, ...]
    packages: dict[str, str]
    path: tuple[str, ...]


def this_interpreter() -> Interpreter:
    """The interpreter that runs this code; nothing else that is installed in it is passed on."""
    base = Path(sys.base_prefix).resolve()
    library = [entry for entry in sys.path if _is_library(entry, base)]
    packages = {
        "retinue.plugins": _folder(retinue.plugins.__path__),
        "retinue.bus": _folder(retinue.bus.__path__),
        "msgspec": _folder(msgspec.__path__),
    }
    return Interpreter((str(base),), packages, tuple(library))


def _is_library(entry: str, base: Path) -> bool:
    path = Path(entry)
    inside = path.is_absolute() and path.resolve().is_relative_to(base)
    return inside and not {"site-packages", "dist-packages"} & set(path.parts)


def _folder(places: object) -> str:
    first = next(iter(places))  # type: ignore[call-overload]
    return str(Path(first).resolve())
