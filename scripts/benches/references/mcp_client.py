"""The official client, calling ``mcp_server.py``: prints the median microseconds of a call.

Run in the environment of the official package: ``mcp_client.py CALLS PYTHON``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

TEXT = "x" * 64


async def main(calls: int, python: str) -> None:
    server = Path(__file__).with_name("mcp_server.py")
    parameters = StdioServerParameters(command=python, args=["-S", str(server)])
    async with Client(stdio_client(parameters), mode="legacy") as client:
        took = []
        for _ in range(calls):
            began = time.perf_counter()
            await client.call_tool("echo", {"text": TEXT})
            took.append(time.perf_counter() - began)
    print(median(took) * 1e6)


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
