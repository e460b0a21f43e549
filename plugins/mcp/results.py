"""What a server offers and what came of a call, taken out of its untrusted words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput, PluginError, RetinueError, ToolError

from ..hosting.output import escaped
from ..manifest.model import ToolSpec
from ..protocol.frames import Offer
from ..protocol.rules import Violation
from ..tools import check_name
from .messages import INVALID_PARAMS, Fault

__all__ = ["MAX_TOOLS", "Page", "chosen", "offers", "page", "raised", "value"]

MAX_TOOLS = 256
_LONGEST = 64 * 1024
"""Characters of a description."""


class _Described(msgspec.Struct, frozen=True):
    name: str
    inputSchema: dict[str, Any]  # noqa: N815 - the protocol's names
    description: str | None = None


class Page(msgspec.Struct, frozen=True):
    """One answer to ``tools/list``; ``nextCursor`` asks for the next."""

    tools: list[_Described] = []
    nextCursor: str | None = None  # noqa: N815


class _Result(msgspec.Struct, frozen=True):
    content: list[dict[str, Any]] = []
    structuredContent: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    isError: bool = False  # noqa: N815
    resultType: str = "complete"  # noqa: N815


def page(result: bytes) -> Page:
    """One page of tools; raises ``Violation``."""
    found: Page = _decoded(result, Page, "its list of tools")
    return found


def offers(described: Iterable[_Described]) -> tuple[Offer, ...]:
    """The tools, in the order of their names: the order of a list says nothing. Raises ``Violation``."""
    found: dict[str, Offer] = {}
    for tool in described:
        text = tool.description or ""
        if tool.name in found or len(text) > _LONGEST:
            raise Violation(f"tool {escaped(tool.name)!r} is there twice, or described at length")
        schema = msgspec.json.encode(tool.inputSchema, order="sorted")
        found[tool.name] = Offer(tool.name, schema, _readable(text), "once")
    if len(found) > MAX_TOOLS:
        raise Violation(f"over {MAX_TOOLS} tools")
    return tuple(found[name] for name in sorted(found))


def chosen(offered: Sequence[Offer], wanted: Sequence[ToolSpec], plugin: str) -> tuple[Offer, ...]:
    """The tools that a manifest names, with what it says of them; all when it names none.

    Raises ``PluginError`` for one that the server does not have, or whose name is none here.
    """
    there = {offer.name: offer for offer in offered}
    lacking = [spec.name for spec in wanted if spec.name not in there]
    if lacking:
        known = ", ".join(map(escaped, there)) or "none"
        raise PluginError(
            f"plugin {plugin!r}: no tool {lacking[0]!r} is offered: there are {known}"
        )
    taken = tuple(_as_said(there[spec.name], spec) for spec in wanted) if wanted else tuple(offered)
    for offer in taken:
        try:
            check_name("tool", f"{plugin}.{offer.name}")
        except InvalidInput as error:
            raise PluginError(
                f"{error}, or name the tools that you want under [[tools]] in plugin.toml"
            ) from error
    return taken


def value(result: bytes, tool: str) -> bytes:
    """What a call gives back, as JSON: the structured content, else the text, else the blocks.

    Raises ``ToolError`` with the server's words when it says that the call failed, and
    ``PluginError`` when it asks for what only a user could answer.
    """
    told = _decoded(result, _Result, f"its answer to {escaped(tool)}")
    if told.resultType != "complete":
        raise PluginError(
            f"{tool}: the server asks for input or a model ({escaped(told.resultType)}), which was "
            "not granted"
        )
    texts = [block.get("text") for block in told.content if block.get("type") == "text"]
    text = "\n".join(piece for piece in texts if isinstance(piece, str))
    if told.isError:
        raise ToolError(f"{tool}: {escaped(text) or 'it failed, and does not say why'}")
    structured = bytes(told.structuredContent)
    if structured and structured != b"null":
        return structured
    return msgspec.json.encode(text if len(texts) == len(told.content) else told.content)


def raised(fault: Fault, tool: str) -> RetinueError:
    """A protocol error as ours."""
    line = f"{tool}: {escaped(fault.message)} ({fault.code})"
    return InvalidInput(line) if fault.code == INVALID_PARAMS else ToolError(line)


def _as_said(offer: Offer, spec: ToolSpec) -> Offer:
    """The manifest's words are the ones that were approved; its schema stays the server's."""
    return msgspec.structs.replace(
        offer,
        description=spec.description or offer.description,
        effect=spec.effect,
        timeout=spec.timeout,
    )


def _readable(text: str) -> str:
    """Without characters that people do not see, and a model obeys."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _decoded(data: bytes, kind: type[Any], what: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Violation(f"{what} cannot be read: {error}") from error
