"""Tickets for browsers' streams, and sessions of the console."""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from msgspec import Meta

from retinue.bus.errors import Denied, InvalidInput

from ..tokens import Role, TokenFile
from .access import OWNER, Caller
from .router import Answer, Body, Call, Route
from .tickets import Ticket, Tickets

__all__ = ["SESSION", "routes"]

SESSION = 12 * 3600.0
"""Seconds that a session of the console lasts."""
_SESSIONS = "/v1/sessions"


class NewTicket(Body, frozen=True):
    """Where the ticket is to be used, and as what: your own role by default, or one below it."""

    path: Annotated[str, Meta(pattern=r"^/[!-~]*\Z", max_length=500)]
    role: Role | None = None


class NewSession(Body, frozen=True):
    """A ticket for this path, which `retinue console` made."""

    ticket: Annotated[str, Meta(min_length=1, max_length=200)]


class Session(msgspec.Struct, frozen=True):
    """A token for a console; ``expires`` is in seconds since the epoch."""

    token: str
    name: str
    role: Role
    expires: float


class Who(msgspec.Struct, frozen=True):
    """Who you are to the API, and until when, in seconds since the epoch."""

    name: str
    role: Role
    expires: float | None = None


def routes(tickets: Tickets, tokens: TokenFile) -> tuple[Route, ...]:
    """Both are shared with the gate."""

    def ticket(call: Call) -> Answer:
        """A ticket that lets in once, within 30 seconds, as ``?ticket=…`` at its path.

        For browsers, whose ``EventSource`` and ``WebSocket`` cannot send a header.
        """
        asked: NewTicket = call.body
        role = asked.role or call.caller.role
        if not call.caller.may(role):
            raise Denied(
                "role", asked.path, f"{call.caller.name} is {call.caller.role}, not {role}"
            )
        caller = Caller(call.caller.name, role, call.caller.token)
        return Answer(201, tickets.make(asked.path, caller))

    def session(call: Call) -> Answer:
        """A session for the console, in exchange for a ticket of the daemon's own user."""
        caller = tickets.use(call.body.ticket, _SESSIONS)
        if caller is None or caller.name != OWNER.name or caller.token is not None:
            raise InvalidInput(
                "this ticket was used, or is older than 30 seconds: `retinue console` makes another"
            )
        return Answer(201, _session(tokens, caller.role, call.kernel.clock.time()))

    return (
        Route("GET", "/v1/me", who, lane="loop", role="viewer"),
        Route("POST", "/v1/tickets", ticket, body=NewTicket, role="viewer", answers={201: Ticket}),
        Route("POST", _SESSIONS, session, body=NewSession, role="public", answers={201: Session}),
    )


def who(call: Call) -> Who:
    """Who you are, and what you may do."""
    token = call.caller.token
    return Who(call.caller.name, call.caller.role, None if token is None else token.expires)


def _session(tokens: TokenFile, role: Role, now: float) -> Session:
    name = f"console-{secrets.token_hex(6)}"
    secret = tokens.create(name, role, SESSION)
    return Session(secret, name, role, now + SESSION)
