"""Who a client of Redis is, and how it proves it. Secrets are read at each connect, never shown."""

from __future__ import annotations

from collections.abc import Mapping
from os import environ as process_environ
from pathlib import Path

from ..errors import ConfigError

__all__ = ["Access", "Secret", "check_private"]

_READABLE_BY_OTHERS = 0o007
_LONGEST = 4096


class Secret:
    """A password kept elsewhere: in a file that others cannot read, or a variable.

    It is read anew at each connect, so that a changed one is taken up without a restart.
    """

    def __init__(
        self, file: str = "", variable: str = "", environ: Mapping[str, str] = process_environ
    ) -> None:
        """Where to look; raises ``ConfigError`` when it is in both places."""
        if file and variable:
            raise ConfigError(
                f"a password is named twice, in the file {file} and in ${variable}: name one"
            )
        self._file = file
        self._variable = variable
        self._environ = environ

    def __bool__(self) -> bool:
        return bool(self._file or self._variable)

    def __repr__(self) -> str:
        where = f"file {self._file}" if self._file else f"${self._variable}"
        return f"<Secret in {where}>" if self else "<no Secret>"

    def read(self) -> str:
        """The password as it is now, empty when none is named.

        Raises ``ConfigError`` for a file that cannot be read, that everyone can read or that is
        empty, and for a variable that is not set.
        """
        if self._file:
            return _from_file(Path(self._file).expanduser())
        if self._variable and not self._environ.get(self._variable):
            raise ConfigError(
                f"the environment has no {self._variable}, which is to hold a password for Redis: "
                "set it, or name a password_file"
            )
        return self._environ.get(self._variable, "") if self._variable else ""


class Access:
    """What a server is told and shown: user, password, and certificates for TLS."""

    def __init__(
        self,
        username: str = "",
        password: Secret | None = None,
        *,
        ca_file: str = "",
        cert_file: str = "",
        key_file: str = "",
        sentinel_username: str = "",
        sentinel_password: Secret | None = None,
    ) -> None:
        """Nothing is read yet.

        ``ca_file`` holds the certificates that the server's is checked against (the system's when
        empty); ``cert_file`` and ``key_file`` are shown to a server that asks for them. Sentinels
        are told ``sentinel_username`` and ``sentinel_password``, and nothing of the rest.
        """
        self.username = username
        self.password = password or Secret()
        self.ca_file = ca_file
        self.cert_file = cert_file
        self.key_file = key_file
        self.sentinel_username = sentinel_username
        self.sentinel_password = sentinel_password or Secret()

    def __repr__(self) -> str:
        return f"<Access {self.username or 'default'} {self.password!r}>"


def check_private(path: Path | str, what: str) -> None:
    """Raise ``ConfigError`` when the file is not there, or everyone can read it."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise ConfigError(f"the {what} {path}: {error.strerror}") from None
    if mode & _READABLE_BY_OTHERS:
        raise ConfigError(f"the {what} {path} can be read by everyone: run `chmod 600 {path}`")


def _from_file(path: Path) -> str:
    check_private(path, "password file")
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode().strip("\r\n")
    except OSError as error:
        raise ConfigError(f"the password file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the password file {path} is not UTF-8 text") from None
    if not text:
        raise ConfigError(f"the password file {path} is empty: write the password into it")
    return text
