"""What the fold knows of plugins: their grants, and those that run in processes. Pure."""

from __future__ import annotations

from typing import Protocol

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope
from retinue.bus.messages import PluginGranted, PluginLoaded, PluginRevoked, PluginUnloaded
from retinue.plugins.manifest.model import Grant, Limits, Permissions

__all__ = ["granted", "loaded", "revoked", "unloaded"]


class Plugins(Protocol):
    """The part of what is folded that tells of plugins."""

    grants: dict[str, Grant]
    hosted: dict[str, str]


def granted(folded: Plugins, event: Envelope) -> None:
    """What a plugin may do from now on."""
    body = decode(event.body, PluginGranted)
    folded.grants[body.name] = Grant(
        name=body.name,
        version=body.version,
        digest=body.digest,
        permissions=msgspec.json.decode(body.permissions, type=Permissions),
        limits=msgspec.json.decode(body.limits, type=Limits),
        approved_by=body.approved_by,
        time=event.time,
    )


def revoked(folded: Plugins, event: Envelope) -> None:
    """It may do nothing any more."""
    body = decode(event.body, PluginRevoked)
    known = folded.grants.get(body.name)
    if known is not None and known.digest == body.digest:
        del folded.grants[body.name]


def loaded(folded: Plugins, event: Envelope) -> None:
    """It runs in a process, and is started again with the kernel."""
    body = decode(event.body, PluginLoaded)
    if body.digest:
        folded.hosted[body.name] = body.digest
    grant = folded.grants.get(body.name)
    if body.offered and grant is not None and grant.digest == body.digest:
        folded.grants[body.name] = msgspec.structs.replace(grant, offered=body.offered)


def unloaded(folded: Plugins, event: Envelope) -> None:
    """It is not."""
    folded.hosted.pop(decode(event.body, PluginUnloaded).name, None)
