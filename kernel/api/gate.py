"""What a request over TCP has to show before anything looks at it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import nullcontext
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retinue.bus.errors import Denied, InvalidInput, RateLimited, RetinueError

from .access import Access, Caller
from .authorise import Authorise
from .denials import Denials
from .leases import Leases
from .rates import Rates
from .responses import problem_response

__all__ = ["Gate", "Names", "configured", "names_of"]

_SAFE_MODES = ("navigate", "")
_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_HEADERS = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)


class Names(NamedTuple):
    """What this server is called: ``hosts`` as in a ``Host`` header, ``schemes`` of its own pages."""

    hosts: frozenset[str]
    schemes: tuple[str, ...] = ("http",)

    def knows(self, host: str, server: tuple[str, int] | None) -> bool:
        """Whether a ``Host`` is ours. The address that was connected to is: no name can be rebound to it."""
        return host in self.hosts or (server is not None and host in _literals(*server))

    def is_own_page(self, origin: str, server: tuple[str, int] | None) -> bool:
        """Whether an ``Origin`` is a page of this server."""
        scheme, _, host = origin.partition("://")
        return scheme in self.schemes and self.knows(host, server)


class Gate:
    """Lets through what names this server, comes from no other site's page, and may do what it asks.

    A browser sends the ``Host`` that its user's page asked for, which tells a rebound name, and the
    ``Origin`` of that page, which tells another site: neither can be forged by a page. Each refusal
    is an event ``security.denied``.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Names,
        access: Access,
        authorise: Authorise,
        rates: Rates,
        denials: Denials,
    ) -> None:
        """``access`` is the table of what each route needs."""
        self._app = app
        self._names = names
        self._access = access
        self._authorise = authorise
        self._rates = rates
        self._denials = denials
        self._leases = Leases(authorise.tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer that it is refused."""
        protected = _with_headers(send)
        try:
            caller = self._let_in(scope)
        except RetinueError as error:
            await _refused(error)(scope, receive, protected)
            return
        scope.setdefault("state", {})["caller"] = caller
        token = caller.token
        lease = nullcontext(receive) if token is None else self._leases.held(token, scope, receive)
        with lease as leased:
            await self._app(scope, leased, protected)

    def _let_in(self, scope: Scope) -> Caller:
        """Who it is; raises what refuses it."""
        name = ""
        try:
            headers = Headers(scope=scope)
            self._check_names(headers, scope.get("server"))
            _check_body(headers, scope)
            caller, scope["query_string"] = self._authorise(scope)
            name = caller.name
            self._check_role(caller, scope)
        except Denied as error:
            self._tell(scope, error.rule, name, str(error))
            self._check_rate(scope, name)
            raise
        self._check_rate(scope, name)
        return caller

    def _check_rate(self, scope: Scope, name: str) -> None:
        try:
            self._rates.check(name, _address(scope))
        except RateLimited as error:
            self._tell(scope, "rate", name, str(error))
            raise

    def _check_names(self, headers: Headers, server: tuple[str, int] | None) -> None:
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or not self._names.knows(hosts[0], server):
            said = ", ".join(hosts)[:80] or "none"
            known = " or ".join(sorted(self._names.hosts))
            raise Denied("host", said, f"Host {said}: this server is {known}; see api.names")
        for origin in headers.getlist("origin"):
            if not self._names.is_own_page(origin.lower(), server):
                said = f"Origin {origin[:80]}: pages of other sites may not use this server"
                raise Denied("origin", origin[:80], said)
        site, mode = headers.get("sec-fetch-site", ""), headers.get("sec-fetch-mode", "")
        if site in ("cross-site", "same-site") and mode not in _SAFE_MODES:
            raise Denied("origin", site, "pages of other sites may not use this server")

    def _check_role(self, caller: Caller, scope: Scope) -> None:
        needed = self._access.role_of(scope)
        if caller.may(needed):
            return
        if caller.token is None and not caller.name:
            raise Denied("token", scope["path"], _SHOW_ONE)
        said = f"{caller.name} is {caller.role}, and this takes {needed}"
        raise Denied("role", scope["path"], said)

    def _tell(self, scope: Scope, rule: str, who: str, detail: str) -> None:
        self._denials.refused(rule, who, scope.get("method", "WEBSOCKET"), scope["path"], detail)


_SHOW_ONE = (
    "send Authorization: Bearer TOKEN; make a token with `retinue tokens create NAME --role ROLE`"
)


def names_of(host: str, port: int) -> list[str]:
    """What clients call a server on this loopback address."""
    shown = f"[{host}]" if ":" in host else host
    return [f"{shown}:{port}", f"localhost:{port}"]


def configured(names: Iterable[str], port: int) -> list[str]:
    """The names of ``api.names``, as clients send them: with the port, or without."""
    return [form for name in names for form in (name.lower(), f"{name.lower()}:{port}")]


def _literals(host: str, port: int) -> tuple[str, ...]:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ()
    shown = f"[{host}]" if ":" in host else host
    return (f"{shown}:{port}", *((shown,) if port in (80, 443) else ()))


def _check_body(headers: Headers, scope: Scope) -> None:
    if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
        return
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise Denied("body", scope["path"], "a request without a body is enough to read something")


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _refused(error: RetinueError) -> ASGIApp:
    if isinstance(error, RateLimited):
        return problem_response(error, 429, {"retry-after": "1"})
    if isinstance(error, Denied) and error.rule in ("token", "ticket"):
        return problem_response(error, 401, {"www-authenticate": 'Bearer realm="retinue"'})
    if isinstance(error, Denied) and error.rule in ("host", "body"):
        return problem_response(InvalidInput(str(error)), 403)
    return problem_response(error, 403)


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            for name, value in _HEADERS:
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            message = {**message, "headers": headers.raw}
        await send(message)

    return sent
