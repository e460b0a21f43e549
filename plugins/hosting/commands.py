"""From a manifest's command to the program that runs, and the files that it needs."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from retinue.bus.errors import PluginError

__all__ = ["Command", "command_of"]

_PROGRAMS = "/usr/bin"
_COMPANIONS = {"node": ("/usr/share/nodejs", "/usr/share/node_modules")}
"""What a system's program reads beside the libraries, by the name of its file."""
_PLACE = "{plugin}"


class Command(msgspec.Struct, frozen=True):
    """The arguments, the first of them an absolute path, and what must be readable beside."""

    arguments: tuple[str, ...]
    readable: tuple[str, ...]


def command_of(words: Sequence[str], folder: str, readable: Sequence[str], plugin: str) -> Command:
    """What a command of a plugin's manifest runs; ``folder`` is where its files are.

    A bare name is looked for in ``/usr/bin`` and nowhere else: what PATH says is not asked. Any
    other program has to lie in the plugin's folder or in one that it was granted to read, and so
    has whatever it is a link to. Raises ``PluginError`` that names program, rule and remedy.
    """
    program, *arguments = (word.replace(_PLACE, folder) for word in words)
    place = program if "/" in program else f"{_PROGRAMS}/{program}"
    allowed = (folder, *readable)
    real = os.path.realpath(place)
    _check_there(place, real, allowed, plugin)
    _check_kind(real, program, plugin)
    system = PurePosixPath(real).is_relative_to(_PROGRAMS)
    # A virtual environment's interpreter finds its packages by the name that it was called with.
    called = real if PurePosixPath(place).is_relative_to(_PROGRAMS) else place
    beside = (real, *_COMPANIONS.get(Path(real).name, ())) if system else ()
    return Command((called, *arguments), beside)


def _check_there(place: str, real: str, allowed: Sequence[str], plugin: str) -> None:
    path = PurePosixPath(place)
    if not path.is_absolute() or ".." in path.parts:
        raise PluginError(
            f"plugin {plugin!r}: command {place!r}: name a program of {_PROGRAMS}, or an absolute "
            f"path without '..', as in '{_PLACE}/server'"
        )
    for at in (place, real):
        if not any(PurePosixPath(at).is_relative_to(folder) for folder in (_PROGRAMS, *allowed)):
            raise PluginError(
                f"plugin {plugin!r}: its command is {at}, which it may not read: put the folder of "
                "the program, and of what it needs, into permissions.read"
            )


def _check_kind(real: str, program: str, plugin: str) -> None:
    try:
        found = Path(real).stat()
        with Path(real).open("rb") as file:
            script = file.read(2) == b"#!"
    except OSError as error:
        raise PluginError(
            f"plugin {plugin!r}: its command {program!r} cannot be run: {error.strerror}; install "
            f"it, or give its absolute path"
        ) from error
    if not stat.S_ISREG(found.st_mode) or not found.st_mode & stat.S_IXUSR:
        raise PluginError(f"plugin {plugin!r}: {real} is not a program: chmod +x, if it is one")
    if script:
        raise PluginError(
            f"plugin {plugin!r}: {real} is a script: put its interpreter first in the command, as "
            f'in ["python3", "{program}"]'
        )
