"""A kernel's configuration with one secret in a file, and one server beside it that may be asked."""

from __future__ import annotations

from pathlib import Path

from retinue.kernel import Config
from retinue.kernel.config import SandboxConfig, VaultConfig

KEY = "s3cret-value-of-it"
"""What the secret KEY is."""


def with_key(folder: Path) -> Config:
    """The secret is KEY, written into ``folder``; the server is ``web.localhost``."""
    secret = folder / "key"
    secret.write_text(f"{KEY}\n")
    secret.chmod(0o600)
    return Config(
        sandbox=SandboxConfig(
            allow_private_hosts=("web.localhost",), vault={"KEY": VaultConfig(file=str(secret))}
        )
    )
