"""What the official client sees of ``retinue mcp serve``; prints one JSON object.

Run in the environment of the official package: ``client.py MODE COMMAND…``, MODE ``legacy`` or ``auto``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(mode, command):
    server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with Client(stdio_client(server), mode=mode) as client:
        print(json.dumps(await seen(client)))


async def seen(client):
    tools = (await client.list_tools()).tools
    told = []

    async def progress(done, total, message):
        told.append([done, total, message])

    found = {"version": client.protocol_version, "tools": sorted(tool.name for tool in tools)}
    found["said"] = text(await client.call_tool("echo_say", {"text": "hello"}))
    counted = await client.call_tool("ask_counter", {"upto": 3}, progress_callback=progress)
    found["counted"], found["progress"] = text(counted), told
    failed = await client.call_tool("ask_failing", {})
    found["failed"] = [failed.is_error, text(failed)]
    found["cancelled"] = await cancelled(client)
    return found


async def cancelled(client):
    """Cancel a call once it is under way."""
    began = anyio.Event()

    async def progress(*_):
        began.set()

    async with anyio.create_task_group() as group:
        call = client.call_tool
        group.start_soon(lambda: call("ask_waiting", {}, progress_callback=progress))
        await began.wait()
        group.cancel_scope.cancel()
    return True


def text(result):
    return result.content[0].text


asyncio.run(main(sys.argv[1], sys.argv[2:]))
