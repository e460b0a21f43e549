"""What every command takes: which daemon is meant, ``--config`` and ``--json``."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from retinue.bus.errors import InvalidInput, NotFound

from ..client import Client
from ..config import Config
from ..folder import StateFolder, folder_of
from ..settings import Origins, load
from ..text import color_wanted
from .remote import Remote, remote_of

__all__ = ["Cli", "common", "json_input", "local", "on_folder"]

F = TypeVar("F", bound=Callable[..., Any])
_MAX_INPUT = 64 * 1024 * 1024


class Cli:
    """One call of the command line: which daemon is meant, and how to answer."""

    def __init__(
        self,
        state_dir: str | None,
        config: str | None,
        *,
        as_json: bool,
        remote: Remote | None = None,
    ) -> None:
        """Files are read when they are needed. ``remote`` is a daemon that is not on this machine."""
        self.as_json = as_json
        self.remote = remote
        self._state_dir = state_dir
        self._file = Path(config) if config else None

    def at(self, folder: str) -> Cli:
        """The same call, about another daemon's folder."""
        return Cli(folder, str(self._file) if self._file else None, as_json=self.as_json)

    def settings(self, **flags: Any) -> tuple[Config, Origins]:
        """The configuration, with further flags by their dotted names, ``_`` for the dot."""
        given = {"state_dir": self._state_dir, **flags}
        return load(file=self._file, environ=os.environ, flags=given)

    @cached_property
    def config(self) -> Config:
        """The configuration that this call sees."""
        return self.settings()[0]

    @cached_property
    def folder(self) -> StateFolder:
        """The daemon's folder, whether or not a daemon runs there.

        Raises ``InvalidInput`` when the daemon is not on this machine.
        """
        self.only_here("this needs the daemon's folder")
        return StateFolder(folder_of(self.config))

    def only_here(self, why: str) -> None:
        """Raise ``InvalidInput`` when the daemon that is meant is not on this machine."""
        if self.remote is not None:
            raise InvalidInput(
                f"{why}, and {self.remote.url} is a daemon elsewhere: run it on that machine, "
                "without --url and RETINUE_URL"
            )

    @cached_property
    def client(self) -> Client:
        """A client for the daemon that is meant."""
        return Client(self.folder.socket) if self.remote is None else self.remote.client()

    @property
    def color(self) -> bool:
        """Whether stdout is coloured."""
        return color_wanted(os.environ, sys.stdout) and not self.as_json

    @property
    def width(self) -> int:
        """Columns that a line may have; many when nobody looks at it on a terminal."""
        return shutil.get_terminal_size((200, 24)).columns if sys.stdout.isatty() else 500


def common(function: F) -> F:
    """Gives a command its common options, and a ``Cli`` as the first argument."""
    return _elsewhere(_taking(function, "--state-dir"))


def on_folder(function: F) -> F:
    """``common`` for commands that read the state folder itself: ``--state`` names it as well."""
    return _elsewhere(_taking(function, "--state-dir", "--state"))


def local(function: F) -> F:
    """``common`` for commands that are about this machine, and speak to no daemon elsewhere."""
    return _taking(function, "--state-dir")


def _taking(function: F, *folder: str) -> F:
    # Docstrings are raw, as linters want them; click's mark for "do not wrap" is the character.
    function.__doc__ = (function.__doc__ or "").replace("\\b\n", "\b\n")

    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON, one object a line.")
    @click.option("--config", metavar="FILE", help="Read settings from FILE.")
    @click.option(
        *folder, "state_dir", metavar="DIR", help="The daemon's folder.  [$RETINUE_STATE_DIR]"
    )
    @functools.wraps(function)
    def command(
        *args: Any,
        state_dir: str | None,
        config: str | None,
        as_json: bool,
        remote: Remote | None = None,
        **options: Any,
    ) -> Any:
        return function(Cli(state_dir, config, as_json=as_json, remote=remote), *args, **options)

    return command  # type: ignore[return-value]


def _elsewhere(function: F) -> F:
    @click.option("--url", metavar="URL", help="A daemon's address over TCP.  [$RETINUE_URL]")
    @click.option(
        "--token-file",
        metavar="FILE",
        type=click.Path(),
        help="Holds the token for --url.  [$RETINUE_TOKEN is the token]",
    )
    @click.option(
        "--ca",
        metavar="FILE",
        type=click.Path(),
        help="Whom to trust at --url, as PEM.  [$RETINUE_CA]",
    )
    @functools.wraps(function)
    def command(
        *args: Any,
        url: str | None,
        token_file: str | None,
        ca: str | None,
        state_dir: str | None,
        **options: Any,
    ) -> Any:
        remote = remote_of(url, token_file, ca, state_dir, os.environ)
        return function(*args, state_dir=state_dir, remote=remote, **options)

    return command  # type: ignore[return-value]


def json_input(text: str, what: str) -> Any:
    """A value given as JSON, as ``-`` (stdin) or as ``@FILE``; raises ``InvalidInput``, ``NotFound``."""
    data = _bytes_of(text, what)
    if len(data) > _MAX_INPUT:
        raise InvalidInput(
            f"the {what} is larger than {_MAX_INPUT} bytes: pass a file's name instead"
        )
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(
            f'the {what} is not valid JSON: {error}; give JSON such as \'{{"text": "hi"}}\', '
            "- for stdin, or @FILE"
        ) from error


def _bytes_of(text: str, what: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read(_MAX_INPUT + 1)
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        with Path(text[1:]).open("rb") as file:
            return file.read(_MAX_INPUT + 1)
    except OSError as error:
        raise NotFound(f"cannot read the {what} from {text[1:]}: {error.strerror}") from error
