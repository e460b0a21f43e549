"""An agent that tells so many events a second; a bench's daemon imports this file."""

from __future__ import annotations

import asyncio
from typing import Any

from retinue.plugins import agent

_STEP = 0.01  # seconds
_WORDS = "the next step is to look it up where it was written down the last time"


@agent
async def ticker(ctx: Any, rate: int, seconds: float) -> int:
    """Thoughts, and a piece of text after every ninth."""
    loop = asyncio.get_running_loop()
    begun, said = loop.time(), 0
    while (passed := loop.time() - begun) < seconds:
        while said < passed * rate:
            said += 1
            if said % 10:
                ctx.thought(f"{said}: {_WORDS}")
            else:
                ctx.text(f"{said} ")
        await asyncio.sleep(_STEP)
    return said
