"""What the daemon of the restart test runs."""

from __future__ import annotations

import os
from pathlib import Path

from retinue.plugins import agent, tool


@tool(effect="once")
def wire(amount: int) -> int:
    with Path(os.environ["WIRES_LEDGER"]).open("a") as ledger:
        ledger.write(f"{amount}\n")
    return amount


@agent(tools=[wire])
async def payer(ctx, amount: int) -> int:
    return await ctx.call("wire", amount=amount)
