"""A token of the operator's own making, in a file: a container engine's secret, for one."""

from __future__ import annotations

import os
import stat
from pathlib import PurePath

from retinue.bus.errors import ConfigError

__all__ = ["GIVEN", "given_token"]

GIVEN = "configured"
"""What the token is called."""
_ENGINES = PurePath("/run/secrets")
"""Where container engines put secrets, readable for all of that container and nobody else."""
_LEAST, _MOST = 32, 200


def given_token(path: str) -> str:
    """The token in a file, or nothing without one. Raises ``ConfigError`` in one line."""
    if not path:
        return ""
    try:
        text, mode = _read(path)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"api.admin_token_file: cannot read {path}: {why}") from error
    if mode & 0o077 and _ENGINES not in PurePath(path).parents:
        raise ConfigError(
            f"api.admin_token_file: {path} can be read by others: chmod 600 {path}, and make a new token"
        )
    token = text.strip()
    if not _LEAST <= len(token) <= _MOST or not token.isascii() or not token.isalnum():
        raise ConfigError(
            f"api.admin_token_file: {path} is to hold {_LEAST} to {_MOST} letters and digits and "
            f"nothing else: openssl rand -hex {_LEAST} > {path}"
        )
    return token


def _read(path: str) -> tuple[str, int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is no regular file")
        return file.read(_MOST * 2).decode("ascii"), stat.S_IMODE(found.st_mode)
