"""A daemon on another machine: where it is, and what proves who asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from retinue.bus.errors import InvalidInput, NotFound

from ..client import Client

__all__ = ["Remote", "remote_of"]

_LONGEST = 4096  # bytes of a file with a token


class Remote(msgspec.Struct, frozen=True):
    """What was given, by flags or in the environment."""

    url: str
    token: str = ""
    ca: str | None = None

    def client(self) -> Client:
        """Talks to it. Raises ``InvalidInput`` without a token, or for a URL that is none."""
        made = Client(url=self.url, token=self.token, ca_file=self.ca)
        if not self.token:
            raise InvalidInput(
                f"{made.place} wants a token: name the file that holds it with --token-file, or set "
                "RETINUE_TOKEN"
            )
        return made


def remote_of(
    url: str | None,
    token_file: str | None,
    ca: str | None,
    state_dir: str | None,
    environ: Mapping[str, str],
) -> Remote | None:
    """Where to ask; ``None``: on this machine. A flag wins over the environment, whichever it is.

    Raises ``InvalidInput`` for what does not go together, ``NotFound`` for a file that cannot be read.
    """
    if url and state_dir:
        raise InvalidInput("--url is a daemon elsewhere, --state-dir one here: give one of them")
    if not state_dir:
        url = url or environ.get("RETINUE_URL")
    if url:
        token = _read(token_file) if token_file else environ.get("RETINUE_TOKEN", "").strip()
        return Remote(url, token, ca or environ.get("RETINUE_CA") or None)
    if token_file or ca:
        raise InvalidInput("--token-file and --ca are for a daemon at a --url: give that as well")
    return None


def _read(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            found = opened.read(_LONGEST + 1)
    except OSError as error:
        raise NotFound(f"cannot read the token from {file}: {error.strerror}") from error
    token = found.decode("ascii", "replace").strip()
    if not token or len(found) > _LONGEST or not token.isprintable() or " " in token:
        raise InvalidInput(f"{file} holds no token: it is to hold one alone, on one line")
    return token
