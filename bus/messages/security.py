"""What was refused, and where fewer walls stand than were asked for."""

from __future__ import annotations

from .base import Event

__all__ = ["SecurityDegraded", "SecurityDenied"]


class SecurityDenied(Event, frozen=True, tag="security.denied"):
    """Something was refused. ``principals`` is the chain it was for, as ``plugin:x``, ``agent:y``.

    ``rule`` names what decided and ``layer`` where: ``admission``, ``mediation``, ``policy``,
    ``protocol``, ``seccomp``, ``cgroup`` (told when all is over), ``host`` for what floods it (told
    once a minute), or ``api`` for requests over TCP (``principals`` is ``token:NAME`` then).
    ``action`` and ``resource`` say what was tried. ``count`` is how often it was since the last such
    event: refusals of a system call and of the API are summed up for a second.
    """

    rule: str
    layer: str
    principals: tuple[str, ...] = ()
    action: str = ""
    resource: str = ""
    detail: str = ""
    count: int = 1


class SecurityDegraded(Event, frozen=True, tag="security.degraded"):
    """A plugin runs behind fewer walls than ``wanted``, because the operator's configuration says so.

    So does an agent with a process of its own, the event's, where ``plugin`` is empty.
    """

    plugin: str
    level: str
    wanted: str
    detail: str = ""
