"""Tools that a plugin's process offers, as the kernel's toolbox has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from retinue.bus.errors import PluginError, RetinueError, ToolError

from ..protocol.frames import Offer
from ..remote_tool import RemoteTool
from ..tools import Effect, Tool, ToolContext
from .turns import Turns

__all__ = ["remote_tool"]

_EFFECTS: dict[str, Effect] = {"none": "none", "idempotent": "idempotent", "once": "once"}


def remote_tool(plugin: Turns, offer: Offer) -> Tool:
    """The tool that calls into the plugin. Raises ``PluginError`` for an offer that makes none."""

    async def far(args: Mapping[str, Any], ctx: ToolContext) -> Any:
        try:
            return await plugin.call(offer.name, args, ctx)
        except RetinueError as error:
            if type(error) is RetinueError:  # what it raised is of no kind that we know
                raise ToolError(f"{plugin.name}.{offer.name}: {error}") from error
            raise

    try:
        schema = msgspec.json.decode(offer.schema, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise PluginError(
            f"plugin {plugin.name!r}: the schema of {offer.name!r} is not a JSON object: {error}"
        ) from error
    return RemoteTool(
        far,
        f"{plugin.name}.{offer.name}",
        schema,
        description=offer.description,
        effect=_EFFECTS.get(offer.effect, "once"),
        timeout=offer.timeout,
    )
