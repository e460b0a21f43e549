"""``module:qualname``: how a function is named so that another process can find it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from functools import reduce
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from retinue.bus.errors import InvalidInput

__all__ = ["find", "reference_of"]

_MAIN = "__retinue_main__"
"""Begins the name under which a file is imported: its ``if __name__ == "__main__"`` stays out."""
_VERSION = "__retinue_version__"


def reference_of(target: Any) -> str | None:
    """Where ``target`` is defined, or ``None`` when nobody could import it from there.

    ``None`` for lambdas, for what is defined inside a function or at a prompt, and for a name
    that by now means something else. What a script defines is ``path/to/script.py:qualname``.
    """
    module, qualname = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    if not module or not qualname or not _is_there(target, module, qualname):
        return None
    place = _script() if module == "__main__" else _path_of(module) or module
    return f"{place}:{qualname}" if place else None


def find(reference: str) -> Any:
    """The object at ``module:qualname`` or ``path.py:qualname``; imports what it has to.

    Raises ``InvalidInput`` for a reference that leads nowhere; what the module itself raises
    while it is imported passes through.
    """
    place, colon, qualname = reference.rpartition(":")
    if not colon or not place or not qualname:
        raise InvalidInput(f"'{reference}' is no reference: write module:name or path.py:name")
    module = _script_module(place) if place.endswith(".py") else _module(place, reference)
    try:
        return reduce(getattr, qualname.split("."), module)
    except AttributeError:
        raise InvalidInput(f"'{reference}': {place} has no '{qualname}'; check the name") from None


def _is_there(target: Any, module: str, qualname: str) -> bool:
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found is target or getattr(found, "__wrapped__", None) is target


def _script() -> str | None:
    """The main module as something importable: ``python -m`` keeps its name, a script its path."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    path = getattr(main, "__file__", None)
    return str(Path(path).resolve()) if path and path.endswith(".py") else None


def _module(name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise InvalidInput(
            f"'{reference}': no module named '{error.name}'; is its folder on sys.path?"
        ) from error


def _path_of(module: str) -> str | None:
    """The file of a module that ``find`` imported by its path; nobody knows its name."""
    return sys.modules[module].__file__ if module.startswith(_MAIN) else None


def _script_module(path: str) -> ModuleType:
    """The file as a module, imported anew when it has changed since."""
    if not Path(path).is_file():
        raise InvalidInput(f"'{path}' is not there: give the path of a Python file")
    name, state = _MAIN + os.fsencode(path).hex(), Path(path).stat()
    version = (state.st_mtime_ns, state.st_size, state.st_ino)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, _VERSION) == version:
        return loaded
    return _imported(name, path, version)


def _imported(name: str, path: str, version: tuple[int, ...]) -> ModuleType:
    loader = _Fresh(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise InvalidInput(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    setattr(module, _VERSION, version)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        _put_back(name, before)
        raise
    return module


def _put_back(name: str, before: ModuleType | None) -> None:
    if before is None:
        del sys.modules[name]
    else:
        sys.modules[name] = before


class _Fresh(SourceFileLoader):
    """Reads the source itself: cached bytecode tells versions apart by the second only."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)
