"""A message through three autogen-core agents and back, 100 in flight; prints µs for each.

Runs in an environment of its own, which has autogen-core and not Retinue.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from autogen_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, rpc

COUNT, IN_FLIGHT = 1_000, 100


@dataclass
class Note:
    """The message."""

    number: int


class Passing(RoutedAgent):
    """Asks the next agent, or answers when it is the last."""

    def __init__(self, following: AgentId | None) -> None:
        super().__init__("passes a message on")
        self.following = following

    @rpc
    async def pass_on(self, message: Note, ctx: MessageContext) -> Note:
        """Reply what the next one replies."""
        if self.following is None:
            return message
        return await self.send_message(message, self.following)


async def main() -> None:
    """Warm up, measure, print."""
    runtime = SingleThreadedAgentRuntime()
    names = ["first", "middle", "last"]
    for name, following in zip(names, [*names[1:], None], strict=True):
        target = None if following is None else AgentId(following, "default")
        await Passing.register(runtime, name, lambda target=target: Passing(target))
    runtime.start()
    await _send(runtime, IN_FLIGHT)
    started = time.perf_counter()
    for _ in range(COUNT // IN_FLIGHT):
        await _send(runtime, IN_FLIGHT)
    print((time.perf_counter() - started) / COUNT * 1e6)
    await runtime.stop()


async def _send(runtime: SingleThreadedAgentRuntime, count: int) -> None:
    first = AgentId("first", "default")
    await asyncio.gather(*(runtime.send_message(Note(n), first) for n in range(count)))


asyncio.run(main())
