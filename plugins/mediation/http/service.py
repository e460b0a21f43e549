"""``http.fetch``, ``http.read``, ``http.close``: decided at each hop, bounded in bytes and time."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
from collections.abc import Callable, Collection
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import DeadlineExceeded, Denied, InvalidInput
from retinue.bus.redact import BytesRedactor, Secrets

from ...hosting.calls import CallContext
from ...manifest.hosts import covers
from ..judge import Judge
from ..mediator import parameters
from ..vault import Vault, with_secrets
from .addresses import Resolve, pinned, resolve
from .bodies import Body
from .exchange import Exchange, Request, exchange
from .headers import checked_headers
from .opened import Opened, OpenedBodies
from .urls import Target, joined, parse_url, shown

__all__ = ["FetchService"]

MAX_BYTES = 64 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OF_ONE_ORIGIN = frozenset({"authorization", "cookie"})


class _Fetch(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    redirects: Annotated[int, Meta(ge=0, le=10)] = 5
    max_bytes: Annotated[int, Meta(ge=0, le=MAX_BYTES)] = 8 << 20
    seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0


class _Handle(msgspec.Struct, forbid_unknown_fields=True):
    handle: str


class FetchService:
    """On any number of loops; each request on one."""

    def __init__(
        self,
        vault: Vault,
        judge: Judge,
        *,
        private_hosts: Collection[str] = (),
        resolve: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        clock: Clock | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """``private_hosts`` may lead to addresses that are not public; ``tls`` is made at first use."""
        self._vault = vault
        self._judge = judge
        self._private = frozenset(private_hosts)
        self._resolve = resolve
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._clock = clock or SystemClock()
        self._methods = {
            "http.fetch": self._fetch,
            "http.read": self._read,
            "http.close": self._close,
        }
        self.opened = OpenedBodies(token)
        """Answers that are still read."""

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """One request. Raises ``Denied``, ``FetchFailed``, ``DeadlineExceeded``, ``InvalidInput``."""
        work = self._methods.get(method)
        if work is None:
            raise Denied("http.unknown_method", method, f"there is no {method!r} to ask for")
        return await work(call, params)

    async def _fetch(self, call: CallContext, params: bytes) -> Any:
        asked: _Fetch = parameters(params, _Fetch, "http.fetch")
        try:
            body = base64.b64decode(asked.body, validate=True)
        except ValueError as error:
            raise InvalidInput("http.fetch: body is not base64") from error
        seconds = min(asked.seconds, call.deadline - self._clock.monotonic())
        ends = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(ends):
                return await self._followed(call, asked, body, ends)
        except TimeoutError:
            where = shown(asked.url)
            raise DeadlineExceeded(f"{where} did not answer within {seconds:.3g} s") from None

    async def _followed(self, call: CallContext, asked: _Fetch, body: bytes, ends: float) -> Any:
        """Each hop is decided as if it were the first."""
        target, method = parse_url(asked.url), asked.method
        headers = checked_headers(asked.headers)
        for hop in range(asked.redirects + 1):
            found, sent = await self._exchanged(call, method, target, headers, body)
            location = found.head.get("location")
            if not asked.redirects or not location or found.head.status not in _REDIRECTS:
                return await self._given(call, asked, target, found, sent, ends)
            found.close()
            if hop == asked.redirects:
                break
            new = _safe(target, joined(target, location))
            if found.head.status == 303 or (found.head.status < 303 and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), b""
            if new.origin != target.origin:
                headers = _without_secrets(headers)
            target = new
        raise Denied(
            "http.redirects",
            shown(asked.url),
            f"{shown(asked.url)} redirects over {asked.redirects} times",
        )

    async def _exchanged(
        self,
        call: CallContext,
        method: str,
        target: Target,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
    ) -> tuple[Exchange, Secrets]:
        """One hop: granted, allowed by the rules, resolved once, connected to what was resolved."""
        _check_grant(call, target, method)
        context: dict[str, str | int | bool] = {
            "method": method,
            "port": target.port,
            "path": target.path.partition("?")[0],
        }
        await self._judge.allow(call, "fetch", target.host, context)
        addresses = await pinned(target.host, target.port, self._resolve, self._private)
        tls = await self._context() if target.scheme == "https" else None
        filled, sent = await asyncio.to_thread(
            with_secrets, headers, call, self._vault, target.host
        )
        if sent.any and tls is None and target.host not in self._private:
            raise Denied("secret.plain", target.host, "a secret is sent over https only")
        request = Request(method, target, filled, body)
        return await exchange(request, addresses, tls), sent

    async def _given(
        self,
        call: CallContext,
        asked: _Fetch,
        target: Target,
        found: Exchange,
        sent: Secrets,
        ends: float,
    ) -> Any:
        """The head, the first piece, and a handle for the rest if there is more."""
        opened = Opened(
            found, Body(found.reader, found.head, asked.max_bytes, BytesRedactor(sent)), ends
        )
        try:
            data = await opened.body.read()
        except BaseException:
            opened.close()
            raise
        handle = ""
        if opened.body.ended:
            opened.close()
        else:
            handle = self.opened.keep(call, opened)
        headers = [(name, _veiled(value, sent)) for name, value in found.head.headers]
        return {
            "status": found.head.status,
            "url": target.url,
            "headers": headers,
            "data": base64.b64encode(data).decode(),
            "handle": handle,
        }

    async def _read(self, call: CallContext, params: bytes) -> Any:
        asked: _Handle = parameters(params, _Handle, "http.read")
        opened = self.opened.find(call, asked.handle)
        try:
            async with asyncio.timeout_at(opened.ends), opened.reading:
                data = await opened.body.read()
        except TimeoutError:
            self.opened.close(call, asked.handle)
            raise DeadlineExceeded("http: the answer took longer than it was given") from None
        except BaseException:
            self.opened.close(call, asked.handle)
            raise
        if opened.body.ended:
            self.opened.close(call, asked.handle)
        return {"data": base64.b64encode(data).decode(), "more": not opened.body.ended}

    async def _close(self, call: CallContext, params: bytes) -> Any:
        asked: _Handle = parameters(params, _Handle, "http.close")
        self.opened.close(call, asked.handle)
        return {"closed": True}

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:  # reads the authorities' certificates: milliseconds, and not here
            self._tls = await asyncio.to_thread(self._make_tls)
        return self._tls


def _check_grant(call: CallContext, target: Target, method: str) -> None:
    rules = call.grant.permissions.net
    if not any(covers(rule, target.host, target.port, method) for rule in rules):
        where = f"{target.host}:{target.port}"
        raise Denied("http.grant", where, f"it may not fetch from {where} with {method[:16]!r}")


def _safe(old: Target, new: Target) -> Target:
    if old.scheme == "https" and new.scheme == "http":
        raise Denied("http.downgrade", new.host, f"{old.host} redirects from https to http")
    return new


def _without_secrets(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in headers
        if name not in _OF_ONE_ORIGIN and "{secret:" not in value
    )


def _veiled(value: str, sent: Secrets) -> str:
    veil = BytesRedactor(sent)
    data = value.encode("latin-1")
    return (veil.feed(data) + veil.flush()).decode("latin-1")
