"""Who a request over TCP is from: by its token, by a ticket, or nobody in particular."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.types import Scope

from retinue.bus.errors import ConfigError, Denied

from ..tokens import Role, TokenFile
from .access import Caller
from .tickets import Tickets

__all__ = ["Authorise"]

_SECRETS = 200  # characters of the longest token or ticket that is looked at


class Found(NamedTuple):
    """The caller, and the query without what let him in."""

    caller: Caller
    query: bytes


class Authorise:
    """Looks at a request's head. Called on the loop's thread."""

    def __init__(self, tokens: TokenFile, tickets: Tickets, stranger: Role) -> None:
        """``stranger`` is what somebody is who shows nothing: ``public``, or ``observer``."""
        self.tokens = tokens
        self._tickets = tickets
        self._stranger = Caller("", stranger)

    def __call__(self, scope: Scope) -> Found:
        """Raises ``Denied`` for what is shown and does not count; nothing shown is no error."""
        query = scope.get("query_string", b"")
        shown = Headers(scope=scope).getlist("authorization")
        if shown:
            return Found(self._by_token(shown), query)
        if b"ticket=" in query:
            return self._by_ticket(scope["path"], query)
        return Found(self._stranger, query)

    def _by_token(self, shown: list[str]) -> Caller:
        scheme, _, secret = shown[0].partition(" ")
        if len(shown) > 1 or scheme.lower() != "bearer" or len(secret) > _SECRETS:
            raise Denied("token", "", "Authorization: send one, of the form Bearer TOKEN")
        try:
            token = self.tokens.find(secret.strip())
        except (ConfigError, OSError) as error:
            raise Denied("token", "", f"tokens cannot be read: {error}") from error
        if token is None:
            raise Denied(
                "token",
                "",
                "this token is not known, was revoked, or has expired: make one with "
                "`retinue tokens create NAME --role ROLE`",
            )
        return Caller(token.name, token.role, token)

    def _by_ticket(self, path: str, query: bytes) -> Found:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        tickets = [value for name, value in given if name == "ticket"]
        caller = None
        if len(tickets) == 1 and len(tickets[0]) <= _SECRETS:
            caller = self._tickets.use(tickets[0], path)
        if caller is None:
            raise Denied(
                "ticket",
                path,
                "this ticket was used, is for another path, or is older than 30 seconds: "
                "ask for one with POST /v1/tickets",
            )
        rest = [(name, value) for name, value in given if name != "ticket"]
        return Found(caller, urlencode(rest).encode("ascii"))
