"""``http``: fetches from hosts that the operator named, made and checked by the mediator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..hostside import Answer
from ..manifest.hosts import check_rule
from ..manifest.model import NetRule
from ..plugin import Plugin
from ..tools import Tool, ToolContext
from .settings import read_settings

__all__ = ["Settings", "plugin"]

Bytes = Annotated[int, Meta(ge=1, le=8 << 20)]
_MEBIBYTE = 1 << 20


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``allow`` names hosts: a text is a host at port 443 with GET, a table says more.

    ``secrets`` are those of ``sandbox.vault`` that a header may have put in. ``max_bytes`` is the
    most of an answer that an agent gets.
    """

    allow: list[str | NetRule] = []
    secrets: list[str] = []
    max_bytes: Bytes = _MEBIBYTE


class _Http:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    async def fetch(
        self,
        ctx: ToolContext,
        url: str,
        headers: dict[str, str] | None = None,
        seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0,
    ) -> dict[str, Any]:
        """Get a page or a document: its status, and its text.

        Args:
            ctx: asks the host
            url: an https URL of a host that the operator allows
            headers: further headers; {secret:NAME} stands for a secret
            seconds: the longest to wait
        """
        answer = await ctx.http.fetch(
            url, "GET", headers, max_bytes=self._max_bytes, seconds=seconds
        )
        return _told(answer)

    async def send(
        self,
        ctx: ToolContext,
        url: str,
        method: str = "POST",
        body: str = "",
        headers: dict[str, str] | None = None,
        seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0,
    ) -> dict[str, Any]:
        """Send something with POST, PUT, PATCH or DELETE: the answer's status, and its text.

        Args:
            ctx: asks the host
            url: an https URL of a host that the operator allows
            method: the HTTP method
            body: what is sent
            headers: further headers; {secret:NAME} stands for a secret
            seconds: the longest to wait
        """
        answer = await ctx.http.fetch(
            url, method, headers, body, max_bytes=self._max_bytes, seconds=seconds
        )
        return _told(answer)


def plugin(settings: Mapping[str, Any]) -> Plugin:
    """The plugin; raises ``InvalidInput`` for a host that is none, or that covers too much."""
    read = read_settings(settings, Settings, "http")
    tools = _Http(read.max_bytes)
    rules = [NetRule(host=one) if isinstance(one, str) else one for one in read.allow]
    return Plugin(
        "http",
        "1.0",
        tools=[Tool(tools.fetch, timeout=310.0), Tool(tools.send, effect="once", timeout=310.0)],
        description="Fetches from hosts that the operator allows",
        permissions={
            "net": msgspec.to_builtins(list(map(check_rule, rules))),
            "secrets": read.secrets,
        },
    )


def _told(answer: Answer) -> dict[str, Any]:
    kind = answer.headers.get("content-type", "")
    return {"status": answer.status, "url": answer.url, "type": kind, "text": answer.text}
