"""What a process needs to run code of this very program: where that is imported from. Pure but for paths."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .interpreter import Interpreter, this_interpreter

__all__ = ["OwnCode", "importable", "mapped", "private", "this_program"]

_OTHERS_READ, _OTHERS_SEARCH = 0o004, 0o001
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_ROOMS = ("retinue.actors", "retinue.kernel")


class OwnCode(NamedTuple):
    """What it takes to import what this program can.

    Files and folders to be readable, folders to be searched for these, packages by name that no path
    leads to, and ``sys.path``.
    """

    readable: tuple[str, ...]
    listed: tuple[str, ...]
    packages: dict[str, str]
    path: tuple[str, ...]


def this_program(file: str = "") -> OwnCode:
    """What this program can import, and ``file``, where an agent is named by the path of its file."""
    interpreter = this_interpreter()
    path = _real(sys.path)
    readable = [*interpreter.readable, *_shown(path, interpreter)]
    if file:
        readable += [str(Path(file).resolve()), *importable(Path(file).resolve().parent)]
    packages = {
        **mapped(sys.meta_path, sys.modules),
        **_loaded(sys.modules, _ROOMS),
        **interpreter.packages,
    }
    return OwnCode(tuple(dict.fromkeys(readable)), tuple(path), packages, tuple(path))


def private(paths: Iterable[str]) -> Iterator[str]:
    """Those that a process with another uid could not read, for the modes that they have."""
    for path in paths:
        needed = _OTHERS_READ | (_OTHERS_SEARCH if Path(path).is_dir() else 0)
        if Path(path).exists() and Path(path).stat().st_mode & needed != needed:
            yield path


def importable(folder: Path) -> Iterator[str]:
    """The modules and packages in a folder: not the data, keys and notes that lie beside them."""
    suffixes = tuple(all_suffixes())
    for entry in sorted(_entries(folder)):
        if entry.name.startswith((".", "__pycache__")):
            continue
        module = entry.name.endswith(suffixes) and entry.is_file()
        if module or (entry.name.isidentifier() and _holds_code(entry, suffixes)):
            yield str(entry.resolve())


def mapped(finders: Iterable[Any], modules: Mapping[str, ModuleType]) -> dict[str, str]:
    """Packages and modules that are installed to be edited: their finders know them, no path does."""
    found: dict[str, str] = {}
    for finder in finders:
        home = modules.get(getattr(finder, "__module__", ""))
        known = getattr(home, "MAPPING", None)
        if isinstance(known, dict):
            found |= {str(name): _place(str(place)) for name, place in known.items()}
    return {name: place for name, place in found.items() if place}


def _place(mapped_to: str) -> str:
    """The folder of a package, or the file of a module; empty for neither."""
    real = str(Path(mapped_to).resolve())
    if Path(real).is_dir():
        return real
    return next((file for file in (real, f"{real}.py") if Path(file).is_file()), "")


def _real(path: Sequence[str]) -> list[str]:
    real = (str(Path(entry or ".").resolve()) for entry in path)
    return list(dict.fromkeys(entry for entry in real if Path(entry).exists()))


def _shown(path: Iterable[str], interpreter: Interpreter) -> Iterator[str]:
    for entry in path:
        if any(Path(entry).is_relative_to(base) for base in interpreter.readable):
            continue
        if Path(entry).is_file() or _INSTALLED & set(Path(entry).parts):
            yield entry
        else:
            yield from importable(Path(entry))


def _loaded(modules: Mapping[str, ModuleType], names: Iterable[str]) -> dict[str, str]:
    found = {name: modules[name] for name in names if name in modules}
    return {name: str(Path(next(iter(m.__path__))).resolve()) for name, m in found.items()}


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it may be a file, or not there, or not for us
        return []


def _holds_code(folder: Path, suffixes: tuple[str, ...]) -> bool:
    """A package, or a part of a namespace: modules in it, or one level beneath."""
    entries = _entries(folder)
    if any(entry.name.endswith(suffixes) for entry in entries):
        return True
    beneath = (entry for entry in entries if entry.name.isidentifier() and entry.is_dir())
    return any(Path(entry, "__init__.py").is_file() for entry in beneath)
