"""What a request over TCP has to show before anything looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from retinue.bus.errors import InvalidInput, RetinueError

from .router import problem_response

__all__ = ["Authorise", "Gate", "anyone_here", "names_of"]

Authorise = Callable[[Headers], RetinueError | None]
"""Looks at a request's headers; an error refuses it. Tokens will be checked here."""


def anyone_here(_: Headers) -> RetinueError | None:
    """Lets in whoever can reach the address: on loopback, every user of this machine."""
    return None


class Gate:
    """Lets through what names this server, and comes from no other site's page.

    A browser sends the ``Host`` that its user's page asked for, which tells a rebound name, and the
    ``Origin`` of that page, which tells another site: neither can be forged by a page.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], authorise: Authorise) -> None:
        """``names`` are what a ``Host`` header may be."""
        self._app = app
        self._names = frozenset(names)
        self._origins = frozenset(f"http://{name}" for name in self._names)
        self._authorise = authorise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer that it is refused."""
        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem_response(refusal, 403)(scope, receive, send)

    def _refusal(self, headers: Headers) -> RetinueError | None:
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self._names:
            said = ", ".join(hosts)[:80] or "none"
            return InvalidInput(f"Host {said}: this server is {' or '.join(sorted(self._names))}")
        for origin in headers.getlist("origin"):
            if origin.lower() not in self._origins:
                return InvalidInput(
                    f"Origin {origin[:80]}: pages of other sites may not read events"
                )
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return InvalidInput("a request without a body is enough: events are only read here")
        return self._authorise(headers)


def names_of(host: str, port: int) -> list[str]:
    """What clients call a server on this loopback address."""
    shown = f"[{host}]" if ":" in host else host
    return [f"{shown}:{port}", f"localhost:{port}"]
