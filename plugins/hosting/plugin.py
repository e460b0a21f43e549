"""A plugin that lives in a process: started, called, restarted after a crash, and stopped."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value
from retinue.bus.errors import DeadlineExceeded, PluginError

from ..agents import AgentSpec
from ..manifest.model import Grant
from ..protocol.frames import Hello
from ..protocol.rules import Rules
from ..sandbox.confined import Confined
from ..tools import Tool, ToolContext
from .across import across
from .calls import CallContext, Mediator, Principals
from .ends import Ends
from .offers import remote_tool
from .process import HostedProcess
from .processes import MakeProcess, NotSent, PluginProcess
from .restarts import Crashes, crashed
from .spawning import discarded, seen
from .turns import TURN_SECONDS, TurnDoor, remote_agent
from .watch import PluginWatch
from .wire import Witness

__all__ = ["Changed", "HostedPlugin", "PluginWatch", "State"]

State = Literal["new", "starting", "running", "waiting", "quarantined", "stopped"]


class Changed(PluginError):
    """A plugin offers something else than was approved."""


class HostedPlugin:
    """All of it on one loop; ``tools`` may be called from any loop."""

    def __init__(
        self,
        grant: Grant,
        spawn: Callable[[], Confined],
        mediator: Mediator,
        watch: PluginWatch,
        *,
        settings: bytes = b"{}",
        pinned: str = "",
        process: MakeProcess | None = None,
        clock: Clock,
        number: Callable[[], int],
        chance: Callable[[], float],
    ) -> None:
        """``spawn`` blocks and gives a confined process; it is called on a thread of the loop's.

        ``pinned`` is the ``offered`` that was approved, where one was. ``process`` makes the host's
        side of a runtime that does not speak our frames.
        """
        self.grant = grant
        self.name, self.version = grant.name, grant.version
        self.state: State = "new"
        self.tools: tuple[Tool, ...] = ()
        self.agents: tuple[AgentSpec, ...] = ()
        """What it offers; fixed by its first start."""
        self.last_error = ""
        """Why it ended last, for people."""
        self.successor: HostedPlugin | None = None
        """The version that took its place: a call that has not reached this one's process goes there."""
        self._spawn = spawn
        self._mediator = mediator
        self._watch = watch
        self._settings = settings
        self._clock = clock
        self._number = number
        self._chance = chance
        self._crashes = Crashes()
        self._make = process or self._framed
        self._process: PluginProcess | None = None
        self._starting: asyncio.Task[PluginProcess] | None = None
        self._gone = asyncio.Event()
        self.offered = pinned
        """The SHA-256 of what it offers, descriptions and schemas included; it may not change."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<HostedPlugin {self.name} {self.version} {self.state}>"

    @property
    def process(self) -> PluginProcess | None:
        """The process that runs now, if one does."""
        return self._process

    @property
    def patience(self) -> float:
        """Seconds that the longest of its calls may take."""
        return TURN_SECONDS if self.agents else self.grant.limits.call_seconds

    async def start(self) -> None:
        """Start it and learn its tools. Raises what its code raised, or ``PluginError``."""
        self._loop = asyncio.get_running_loop()
        self.state = "starting"
        try:
            await self._begin()
        except BaseException:
            self.state = "stopped"
            raise

    async def stop(self, drain: float) -> None:
        """Let what runs end, for ``drain`` seconds at most, and end it. Safe to repeat."""
        self.state = "stopped"
        self._gone.set()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
        if self._process is not None:
            await self._process.stop(drain)

    async def release(self) -> None:
        """Start it once more after a quarantine or a stop. Raises ``PluginError`` for any other."""
        if self.state not in ("quarantined", "stopped"):
            raise PluginError(f"plugin {self.name!r} is {self.state}, and not in quarantine")
        self._crashes = Crashes()
        await self.start()

    async def call(
        self, tool: str, args: Mapping[str, Any], ctx: ToolContext, turn: TurnDoor | None = None
    ) -> Any:
        """One call of a tool, or ``turn`` of an agent, from any loop; waits while it starts again."""
        if self._loop is None or self._loop is asyncio.get_running_loop():
            return await self._call(tool, args, ctx, turn)
        process, runs = self._process, self.state == "running" and self.successor is None
        if process and process.anywhere and runs and turn is None and not process.doubts:
            try:
                return await self._asked(process, tool, args, ctx, None, self._deadline(ctx, None))
            except NotSent:
                pass  # it was just ending: there the call waits for the next process
        return await across(self._loop, self._call(tool, args, ctx, turn))

    def _deadline(self, ctx: ToolContext, turn: TurnDoor | None) -> float:
        """When a call that begins now has to be over, by the clock's monotonic."""
        seconds = self.grant.limits.call_seconds if turn is None else TURN_SECONDS
        left = ctx.remaining
        return self._clock.monotonic() + (seconds if left is None else min(seconds, left))

    async def _call(
        self, tool: str, args: Mapping[str, Any], ctx: ToolContext, turn: TurnDoor | None
    ) -> Any:
        if self.successor is not None:
            return await self.successor.call(tool, args, ctx, turn)
        deadline = self._deadline(ctx, turn)
        process = self._usable() or await self._ready(deadline - self._clock.monotonic())
        return await self._asked(process, tool, args, ctx, turn, deadline)

    async def _asked(
        self,
        process: PluginProcess,
        tool: str,
        args: Mapping[str, Any],
        ctx: ToolContext,
        turn: TurnDoor | None,
        deadline: float,
    ) -> Any:
        """Have the process do it, and take its answer apart."""
        principals = Principals(self.name, ctx.agent, "" if ctx.agent else "operator", ctx.via)
        context = CallContext(
            self._number(), tool, principals, self.grant, deadline, ctx.run, ctx.task, turn
        )
        asked = {"tool": tool, "args": dict(args)}
        if turn is not None:
            asked["turn"] = turn.about()
        params = encode_value(asked, f"the arguments of {tool}")
        value = await process.call(
            "tool.call" if turn is None else "agent.turn",
            params,
            max(0.001, deadline - self._clock.monotonic()),
            context,
            effect=ctx.effect,
            on_progress=ctx.progress,
            on_stream=ctx.stream,
        )
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PluginError(
                f"plugin {self.name!r} answered {tool} with no JSON: {error}"
            ) from error

    def _usable(self) -> PluginProcess | None:
        process = self._process
        usable = process and not (process.reason or process.doubts or self.state == "quarantined")
        return process if usable else None

    async def _ready(self, seconds: float) -> PluginProcess:
        """The process, once it is known to live or there is another one."""
        try:
            async with asyncio.timeout(seconds):
                while (process := self._usable()) is None:
                    await self._change()
        except TimeoutError:
            late = f"plugin {self.name!r} did not start again within {seconds:g} s"
            raise DeadlineExceeded(late) from None
        return process

    async def _change(self) -> None:
        if self.state == "quarantined":
            raise PluginError(
                f"plugin {self.name!r} is in quarantine, {self.last_error}: "
                f"see `retinue plugins show {self.name}`, then `retinue plugins release {self.name}`"
            )
        if self._process is not None and not self._process.reason:
            await self._process.doubts.over()
        elif (
            self.state == "running"
        ):  # its process is just going: what comes of it is not known yet
            await self._gone.wait()
        elif self._starting is None or self.state == "stopped":
            raise PluginError(f"plugin {self.name!r} is stopped: load it")
        else:
            await asyncio.shield(self._starting)

    async def _begin(self) -> PluginProcess:
        began = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        spawning = loop.run_in_executor(None, self._spawn)
        try:
            confined = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(discarded)
            raise
        process = self._make(confined, Ends(self, self._watch))
        self._process = process
        try:
            self._adopt(await process.load(self._settings, self.grant.limits.start_seconds))
        except BaseException as error:
            self._process = None
            process.kill(str(error) or type(error).__name__)
            raise
        if self.state == "stopped":  # meanwhile
            process.kill("it was stopped")
            raise PluginError(f"plugin {self.name!r} was stopped while it started")
        self.state = "running"
        self._gone.clear()
        seconds = self._clock.monotonic() - began
        self._watch.started(confined.pid, confined.level, confined.layers, seconds)
        return process

    def _framed(self, confined: Confined, witness: Witness) -> PluginProcess:
        limits = self.grant.limits
        rules = Rules(self.name, self.version, limits.output_bytes, limits.in_flight)
        return HostedProcess(
            confined, rules, limits, self._mediator, witness, self._clock, self._number
        )

    def _adopt(self, hello: Hello) -> None:
        """What it offers at a restart has to be what it offered when it was approved."""
        every = [hello.tools, hello.agents] if hello.agents else hello.tools
        offered = hashlib.sha256(msgspec.json.encode(every)).hexdigest()
        if self.offered and offered != self.offered:
            raise Changed(
                f"plugin {self.name!r} offers other tools, or describes them otherwise, than when "
                "they were approved: load it again to approve them"
            )
        self.offered = offered
        if not self.tools:
            self.tools = tuple(remote_tool(self, offer) for offer in hello.tools)
        if not self.agents:
            self.agents = tuple(remote_agent(self, offer) for offer in hello.agents)

    def ended(self, process_reason: str, seconds: float, *, for_good: bool = False) -> None:
        """Its process is gone: start it again after a while, or not. On the loop."""
        if self.state != "running":
            return
        self.last_error = process_reason
        now = self._clock.monotonic()
        self._crashes, delay = crashed(self._crashes, now, self._chance())
        if for_good:
            delay = None
        self._watch.exited(process_reason, delay, seconds)
        self._gone.set()
        if delay is None:
            self.state = "quarantined"
            return
        self.state = "waiting"
        self._starting = asyncio.get_running_loop().create_task(self._again(delay))
        self._starting.add_done_callback(seen)

    async def _again(self, delay: float) -> PluginProcess:
        await asyncio.sleep(delay)
        try:
            return await self._begin()
        except Exception as error:
            self.state = "running"  # so that this counts as one more crash
            for_good = isinstance(error, Changed)
            self.ended(f"it could not start again: {error}", 0.0, for_good=for_good)
            raise
