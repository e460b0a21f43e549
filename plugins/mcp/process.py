"""An MCP server's process from the host's side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version as version_of
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.errors import DeadlineExceeded, PluginError

from ..hosting.output import Budget, escaped
from ..hosting.pace import Allowance
from ..hosting.stdio import StdioProcess, seen
from ..hosting.wire import Witness
from ..manifest.model import Grant, ToolSpec
from ..protocol.frames import PROTOCOL, Hello, Offer
from ..protocol.rules import Violation
from ..sandbox.cgroups import Exceeded
from ..sandbox.confined import Confined
from .handshake import Refused, agree, listed
from .messages import Message, Stray, decode
from .results import chosen, raised, value
from .session import Answered, Asked, Changed, ClientSession, Failed, Nothing, Progressed, Told

__all__ = ["CANCEL_GRACE", "McpProcess"]

CANCEL_GRACE = 0.5
"""Seconds for a server to answer anything at all once a call of its was taken back."""
_STRAYS = 100
"""Lines on stdout that are no messages, before the server counts as broken."""
_LIST_SECONDS = 5.0
_PROGRESS = 100.0
"""Reports of progress a second that are passed on, and at once."""

Line = tuple[Message | Stray, int]


class McpProcess(StdioProcess[Line]):
    """Speaks MCP; its tools are those that the manifest names, or all."""

    def __init__(
        self,
        confined: Confined,
        grant: Grant,
        tools: Sequence[ToolSpec],
        witness: Witness,
        clock: Clock,
        number: Callable[[], int],
    ) -> None:
        """As for ``StdioProcess``; ``tools`` are the manifest's."""
        super().__init__(confined, grant.limits, witness, clock, number, _sized)
        self._grant = grant
        self._wanted = tools
        roots = (*grant.permissions.read, *grant.permissions.write)
        output = grant.limits.output_bytes
        self._session = ClientSession(
            "retinue", version_of("retinue"), output, roots, clock.monotonic
        )
        flooded = partial(witness.exceeded, Exceeded("log_bytes", "log", 1, "host"))
        self._budget = Budget(grant.limits.log_bytes, clock.monotonic, flooded)
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._names: dict[int, str] = {}
        self._offered: tuple[Offer, ...] = ()
        self._listing: asyncio.Task[None] | None = None
        self._relist = False
        self._strays = 0
        self._denials = Allowance(1.0, 1.0)
        self._progress = Allowance(_PROGRESS, _PROGRESS)
        self._monotonic = clock.monotonic

    async def load(self, settings: bytes, seconds: float) -> Hello:
        """Begin, and list the tools; settings are of no use to a server."""
        self._go()
        try:
            async with asyncio.timeout(seconds):
                await agree(self._session, self, seconds)
                self._offered = await self._settled(seconds)
                if self._session.modern:
                    self._listen()
        except TimeoutError:
            raise DeadlineExceeded(f"it did not begin within {seconds:g} s") from None
        except Violation as error:
            self._witness.violated(error)
            raise
        return Hello(PROTOCOL, self._grant.name, self._grant.version, self._offered)

    async def ask(self, method: str, params: Any, seconds: float) -> bytes:
        """A request beside the calls of tools. See ``handshake.Requests``."""
        self._refuse_when_over()
        number = self._number(self._random())
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._asked[number] = answer
        answer.add_done_callback(seen)
        self._wire.write(self._session.request(number, method, params))
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await answer
        except TimeoutError:
            self._session.forget(number)
            raise DeadlineExceeded(f"{method} took longer than {seconds:g} s") from None
        finally:
            self._asked.pop(number, None)

    def tell(self, line: bytes) -> None:
        """Send a notification."""
        self._wire.write(line)

    def _call(self, number: int, params: bytes, seconds: float, effect: str) -> bytes:
        call = _call_decoder.decode(params)
        self._names[number] = call.tool
        given = {"name": call.tool, "arguments": call.args}
        return self._session.request(number, "tools/call", given, progress=True)

    def _cancel(self, number: int, reason: str) -> None:
        """Tell the server, and see that it still listens: one that hangs takes no other call either."""
        self._forget(number)
        self._wire.write(self._session.cancel(number, reason))
        task = self._loop.create_task(self._prove_alive(number, reason))
        task.add_done_callback(seen)

    async def ping(self, seconds: float) -> None:
        """Raise ``DeadlineExceeded`` unless it answers."""
        method = "server/discover" if self._session.modern else "ping"
        with contextlib.suppress(Refused):
            await self.ask(method, {}, seconds)

    async def _prove_alive(self, number: int, reason: str) -> None:
        try:
            await self.ping(CANCEL_GRACE)
        except DeadlineExceeded:
            self.kill(f"a call was taken back ({reason}), and {CANCEL_GRACE:g} s later it hung")
        except PluginError:
            return  # it has ended
        finally:
            self.doubts.drop(number)

    def _take(self, line: Line) -> None:
        message, size = line
        if isinstance(message, Stray):
            self._stray(message)
            return
        happening = self._session.take(message, size)
        if isinstance(happening, Answered):
            self._answered(happening)
        elif isinstance(happening, Failed):
            self._refused(happening)
        elif isinstance(happening, Progressed):
            self._progressed(happening)
        elif isinstance(happening, Asked):
            self._denied(happening.refused)
            self._wire.write(happening.reply)
        elif isinstance(happening, Told):
            self._log(happening.level, happening.text)
        elif isinstance(happening, Changed):
            self._look_again()
        else:
            assert isinstance(happening, Nothing)  # noqa: S101 - there is no other kind

    def _progressed(self, told: Progressed) -> None:
        """More of it than anybody can follow is passed over, but for the last of a call."""
        opened = self._calls.get(told.id)
        last = 0 < told.total <= told.done
        if opened is not None and (not self._progress.delay(self._monotonic()) or last):
            opened.on_progress(told.done, told.total, escaped(told.note))

    def _denied(self, method: str) -> None:
        """The first is told at once, and of those that follow one a second."""
        if method and not self._denials.delay(self._monotonic()):
            error = Violation(f"it asked for {escaped(method)[:100]}, which was not granted")
            self._witness.violated(error)

    def _answered(self, answered: Answered) -> None:
        if (waiting := self._asked.pop(answered.id, None)) is not None:
            if not waiting.done():
                waiting.set_result(answered.result)
            return
        name = self._names.pop(answered.id, "")
        outcome: bytes | BaseException
        try:
            outcome = value(answered.result, name)
        except Violation:
            raise
        except Exception as error:  # noqa: BLE001 - what the caller of the tool gets
            outcome = error
        if answered.id in self._calls:
            self._finish(answered.id, outcome)

    def _refused(self, failed: Failed) -> None:
        if (waiting := self._asked.pop(failed.id, None)) is not None:
            if not waiting.done():
                waiting.set_exception(Refused(failed.fault))
            return
        name = self._names.pop(failed.id, "")
        if failed.id in self._calls:
            self._finish(failed.id, raised(failed.fault, name))

    def _forget(self, number: int) -> None:
        self._names.pop(number, None)
        self._calls.pop(number, None)

    def _stray(self, stray: Stray) -> None:
        """Many a program prints a greeting; one that never stops is broken."""
        self._strays += 1
        if self._strays > _STRAYS:
            raise Violation(f"over {_STRAYS} lines on stdout that are no messages of JSON-RPC")
        self._log("stdout", stray.line[:2000].decode("utf-8", "replace"))

    def _log(self, level: str, text: str) -> None:
        if self._budget.take(len(text)) == len(text):
            self._witness.logged(escaped(level), escaped(text))

    def _listen(self) -> None:
        """Without a handshake, a server tells of changes only where it was asked to."""
        number = self._number(self._random())
        wanted = {"notifications": {"toolsListChanged": True}}
        self._wire.write(self._session.request(number, "subscriptions/listen", wanted))
        ended = self._asked[number] = self._loop.create_future()
        ended.add_done_callback(seen)

    async def _settled(self, seconds: float) -> tuple[Offer, ...]:
        """The tools once the list stands still: a server may add some while it begins."""
        while True:
            self._relist = False
            found = await listed(self, seconds)
            if not self._relist:
                return chosen(found, self._wanted, self._grant.name)

    def _look_again(self) -> None:
        self._relist = True
        if self._offered and (self._listing is None or self._listing.done()):
            self._listing = self._loop.create_task(self._compare())
            self._listing.add_done_callback(seen)

    async def _compare(self) -> None:
        """What was approved has to stay as it was; whatever else is offered is asked for anew."""
        try:
            now = await self._settled(_LIST_SECONDS)
        except (PluginError, DeadlineExceeded) as error:
            self.kill(f"it changed its tools, and does not say how: {error}", for_good=True)
            return
        if now != self._offered:
            self.kill(f"it changed its tools: {_changes(self._offered, now)}", for_good=True)

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(error)
        self._asked.clear()
        self._names.clear()


class _Call(msgspec.Struct, frozen=True):
    tool: str
    args: msgspec.Raw


_call_decoder = msgspec.json.Decoder(_Call)


def _sized(line: bytes) -> Line:
    return decode(line), len(line)


def _changes(before: Sequence[Offer], now: Sequence[Offer]) -> str:
    """Which tools came, went or are described otherwise, by name."""
    old, new = ({offer.name: offer for offer in offers} for offers in (before, now))
    words = [f"{name} is new" for name in new if name not in old]
    words += [f"{name} is gone" for name in old if name not in new]
    words += [f"{name} is another" for name in new if name in old and new[name] != old[name]]
    return escaped(", ".join(words))
