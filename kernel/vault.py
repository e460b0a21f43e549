"""The operator's secrets for plugins: in the environment, or in files that others cannot read."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Mapping

from retinue.bus.errors import Denied, InvalidInput
from retinue.bus.redact import Secrets

from .config import VaultConfig

__all__ = ["ConfiguredVault"]

_LONGEST = 16 * 1024


class ConfiguredVault:
    """Implements ``Vault``. Read at each use, so that a new secret is taken up; any thread."""

    def __init__(
        self, configured: Mapping[str, VaultConfig], environ: Mapping[str, str], secrets: Secrets
    ) -> None:
        """What is read is registered with ``secrets``, and so withheld from all that is written."""
        self._configured = dict(configured)
        self._environ = environ
        self._secrets = secrets
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def value(self, name: str) -> str:
        """As ``Vault.value``."""
        where = self._configured.get(name)
        if where is None:
            raise Denied("secret.unknown", name, f"the operator configured no secret {name!r}")
        value = self._read(name, where).strip()
        with self._lock:
            if self._known.get(name) != value:
                try:
                    self._secrets.register(value, name[:64])
                except InvalidInput as error:
                    raise Denied("secret.unusable", name, f"secret {name!r}: {error}") from None
                self._known[name] = value
        return value

    def hosts(self, name: str) -> tuple[str, ...]:
        """As ``Vault.hosts``."""
        where = self._configured.get(name)
        return () if where is None else where.hosts

    def _read(self, name: str, where: VaultConfig) -> str:
        if where.env:
            value = self._environ.get(where.env)
            if value is None:
                raise Denied("secret.missing", name, f"secret {name!r}: {where.env} is not set")
            return value
        try:
            return _private(where.file)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise Denied("secret.missing", name, f"secret {name!r}: its file: {why}") from None


def _private(path: str) -> str:
    """The text of a file that nobody else may read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise OSError(0, "it has to be a regular file of mode 0600")
        return file.read(_LONGEST).decode()
