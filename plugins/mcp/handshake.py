"""Finding out which version a server speaks, and what it offers."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from retinue.bus.errors import DeadlineExceeded, PluginError

from ..hosting.output import escaped
from ..protocol.frames import Offer
from ..protocol.rules import Violation
from .messages import LEGACY, MODERN, UNSUPPORTED_VERSION, Fault, notification
from .results import MAX_TOOLS, offers, page
from .session import ClientSession

__all__ = ["Refused", "Requests", "agree", "listed"]

_MAX_PAGES = 64


class Refused(PluginError):
    """A server answered a request with an error."""

    def __init__(self, fault: Fault) -> None:
        """Keeps the ``fault``."""
        super().__init__(f"{escaped(fault.message)} ({fault.code})")
        self.fault = fault


class Requests(Protocol):
    """Sends lines, and awaits the answers to those that are requests."""

    async def ask(self, method: str, params: Any, seconds: float) -> bytes:
        """The result. Raises ``Refused``, ``DeadlineExceeded``, ``PluginError``."""

    def tell(self, line: bytes) -> None:
        """Send a notification."""


class _Discovered(msgspec.Struct, frozen=True):
    supportedVersions: list[str]  # noqa: N815 - the protocol's names


class _Initialized(msgspec.Struct, frozen=True):
    protocolVersion: str  # noqa: N815


class _Supported(msgspec.Struct, frozen=True):
    supported: list[str] = []


async def agree(session: ClientSession, requests: Requests, seconds: float) -> None:
    """Agree on a version: one without a handshake where the server knows one, else the latest other.

    A server of an older kind refuses ``server/discover``, or keeps silent. Raises ``PluginError``
    that names the versions when there is none in common.
    """
    session.agree(MODERN[0], modern=True)
    try:
        said = await requests.ask("server/discover", {}, seconds / 3)
        if _modern(session, _decoded(said, _Discovered).supportedVersions):
            return
    except Refused as refused:
        if _modern_only(session, refused.fault):
            return
    except DeadlineExceeded:
        pass
    session.agree("", modern=False)
    await _initialize(session, requests, seconds)


async def listed(requests: Requests, seconds: float) -> tuple[Offer, ...]:
    """All the tools that the server offers, page by page."""
    described: list[Any] = []
    cursors: set[str] = set()
    params: dict[str, Any] = {}
    while True:
        found = page(await requests.ask("tools/list", params, seconds))
        described += found.tools
        cursor = found.nextCursor
        if cursor is None:
            return offers(described)
        if cursor in cursors or len(cursors) >= _MAX_PAGES or len(described) > MAX_TOOLS:
            raise Violation(f"its list of tools does not end: over {_MAX_PAGES} pages, or a circle")
        cursors.add(cursor)
        params = {"cursor": cursor}


async def _initialize(session: ClientSession, requests: Requests, seconds: float) -> None:
    params = {"protocolVersion": LEGACY[0], **session.introduction}
    try:
        said = await requests.ask("initialize", params, seconds)
    except Refused as refused:
        # A server that was slow to start answers the first question only now.
        if _modern_only(session, refused.fault):
            return
        raise PluginError(f"it refuses to begin: {refused}") from refused
    version = _decoded(said, _Initialized).protocolVersion
    if version not in LEGACY:
        known = ", ".join((*MODERN, *LEGACY))
        raise PluginError(f"it speaks version {escaped(version)!r} of MCP, and this kernel {known}")
    session.agree(version, modern=False)
    requests.tell(notification("notifications/initialized"))


def _modern(session: ClientSession, supported: list[str]) -> bool:
    common = next((version for version in MODERN if version in supported), None)
    if common is not None:
        session.agree(common, modern=True)
    return common is not None


def _modern_only(session: ClientSession, fault: Fault) -> bool:
    """Whether a refusal is that of a server without handshakes; raises without a common version."""
    if fault.code != UNSUPPORTED_VERSION:
        return False
    supported = _decoded(bytes(fault.data), _Supported).supported
    if _modern(session, supported):
        return True
    if set(supported) & set(LEGACY):
        return False
    said = ", ".join(map(escaped, supported[:10])) or "no version that it names"
    raise PluginError(f"it speaks {said} of MCP, and this kernel {', '.join((*MODERN, *LEGACY))}")


def _decoded(data: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Violation(f"an answer that cannot be read: {error}") from error
