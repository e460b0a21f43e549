"""Who asks, and what a route needs: one table, in which what is not named is nobody's but an admin's."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from ..tokens import Role, Token, rank

__all__ = ["OWNER", "Access", "Caller"]


class Caller(msgspec.Struct, frozen=True):
    """Who a request is from. ``token`` is what he showed; the daemon's own user needs none."""

    name: str
    role: Role
    token: Token | None = None

    def may(self, role: Role) -> bool:
        """Whether he has this role, or one above it."""
        return rank(self.role) >= rank(role)


OWNER = Caller("owner", "admin")
"""Who comes over the Unix socket: only the daemon's own user and root get through it."""


class Access:
    """Which role each route needs."""

    def __init__(self, table: Iterable[tuple[BaseRoute, Role]]) -> None:
        """The routes in the order in which they are tried."""
        self._table = tuple(table)

    def role_of(self, scope: Scope) -> Role:
        """What the route that will answer needs; a viewer may learn that there is none."""
        for route, role in self._table:
            if route.matches(scope)[0] is Match.FULL:
                return role
        return "viewer"
