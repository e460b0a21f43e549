"""How the configuration says that Redis is reached; nothing here imports the ``redis`` package."""

from __future__ import annotations

import os
from collections.abc import Mapping

from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.acl import Dialects

from .config import Config

__all__ = ["access_of", "dialects_of"]


def access_of(config: Config, environ: Mapping[str, str] = os.environ) -> Access:
    """The user, password and certificates for a configured server; a private one asks for none.

    Raises ``ConfigError`` when a password is named twice. Reads no secret.
    """
    if config.redis in ("none", "auto"):
        return Access()
    said = config.redis_access
    return Access(
        said.username,
        Secret(said.password_file, said.password_env, environ),
        ca_file=said.ca_file,
        cert_file=said.cert_file,
        key_file=said.key_file,
        sentinel_username=said.sentinel_username,
        sentinel_password=Secret(said.sentinel_password_file, said.sentinel_password_env, environ),
    )


def dialects_of(config: Config) -> Dialects:
    """Channels and streams of the dialects that the configuration switches on."""
    said = config.observers.dialects
    logs, agents, orchestrator = said.live_logs, said.agent_events, said.orchestrator_events
    channels = [logs.channel] if logs.enabled or logs.inbound else []
    channels += [orchestrator.channel] if orchestrator.enabled else []
    return Dialects(tuple(channels), (agents.key,) if agents.enabled else ())
