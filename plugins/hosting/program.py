"""A program of any language as a plugin: one JSON object a line, on its stdin and stdout.

To the program: ``{"call": 7, "tool": "add", "args": {…}, "seconds": 30.0, "effect": ""}`` and
``{"cancel": 7, "reason": "deadline"}``. From it, first and once: ``{"ready": true}``; then of a call
``{"progress": 7, "done": 1, "total": 3, "note": "…"}`` and ``{"stream": 7, "value": …}`` as often as
it likes, and once ``{"result": 7, "value": …}`` or ``{"error": 7, "message": "…"}``. Any number of
calls may be open at once. What it has to say to people goes to stderr.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.errors import DeadlineExceeded, ToolError

from ..manifest.model import Grant, ToolSpec
from ..protocol.frames import PROTOCOL, Hello, Offer
from ..protocol.rules import Violation
from ..sandbox.confined import Confined
from .output import escaped
from .pace import Allowance
from .process import CANCEL_GRACE
from .stdio import StdioProcess, seen
from .wire import Witness

__all__ = ["ProgramProcess", "Said"]

_PROGRESS = 100.0
"""Reports of progress a second that are passed on, and at once."""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the program's; exactly one of the first five says what it is."""

    ready: bool = False
    result: int | None = None
    error: int | None = None
    progress: int | None = None
    stream: int | None = None
    value: msgspec.Raw = msgspec.Raw(b"null")
    message: str = ""
    done: float = 0.0
    total: float = 0.0
    note: str = ""


Line = tuple[Said, int]
_decoder = msgspec.json.Decoder(Said)
_encoder = msgspec.json.Encoder()


class _Call(msgspec.Struct, frozen=True):
    tool: str
    args: msgspec.Raw


_call_decoder = msgspec.json.Decoder(_Call)


class ProgramProcess(StdioProcess[Line]):
    """Its tools are those that the manifest names, with the schemas that stand there."""

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
        super().__init__(confined, grant.limits, witness, clock, number, _read)
        self._grant = grant
        self._offered = tuple(_offer(spec) for spec in tools)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ready.add_done_callback(seen)
        self._received: dict[int, int] = {}
        self._pace = Allowance(_PROGRESS, _PROGRESS)
        self._monotonic = clock.monotonic

    async def load(self, settings: bytes, seconds: float) -> Hello:
        """Begin, and wait until it is ready; settings are of no use to a program."""
        self._go()
        try:
            async with asyncio.timeout(seconds):
                await self._ready
        except TimeoutError:
            raise DeadlineExceeded(
                f'it did not say {{"ready": true}} within {seconds:g} s'
            ) from None
        return Hello(PROTOCOL, self._grant.name, self._grant.version, self._offered)

    def _call(self, number: int, params: bytes, seconds: float, effect: str) -> bytes:
        call = _call_decoder.decode(params)
        self._received[number] = 0
        line = {"call": number, "tool": call.tool, "args": call.args}
        return _encoder.encode({**line, "seconds": seconds, "effect": effect}) + b"\n"

    def _cancel(self, number: int, reason: str) -> None:
        """It has 250 ms to end the call, as any plugin has."""
        self._wire.write(_encoder.encode({"cancel": number, "reason": reason}) + b"\n")

        def overdue() -> None:
            if number in self._calls:
                self.kill(f"a call was told to end ({reason}) and had not after {CANCEL_GRACE:g} s")

        self._loop.call_later(CANCEL_GRACE, overdue)

    def _take(self, line: Line) -> None:
        said, size = line
        if said.ready:
            self._greeted()
            return
        if not self._ready.done():
            raise Violation('it has to say {"ready": true} first')
        number = next(filter(None, (said.result, said.error, said.progress, said.stream)), 0)
        self._count(number, size)
        opened = self._calls[number]
        if said.progress is not None:
            self._progressed(number, said)
        elif said.stream is not None:
            opened.on_stream(msgspec.json.decode(said.value))
        else:
            del self._received[number]
            error = ToolError(escaped(said.message) or "it failed, and does not say why")
            self._finish(number, error if said.error is not None else bytes(said.value))

    def _greeted(self) -> None:
        if self._ready.done():
            raise Violation("it said twice that it is ready")
        self._ready.set_result(None)

    def _progressed(self, number: int, said: Said) -> None:
        """More of it than anybody can follow is passed over, but for the last of a call."""
        last = 0 < said.total <= said.done
        if not self._pace.delay(self._monotonic()) or last:
            self._calls[number].on_progress(said.done, said.total, escaped(said.note))

    def _count(self, number: int, size: int) -> None:
        if number not in self._received or number not in self._calls:
            raise Violation(f"a line for the call {number}, which is not open")
        self._received[number] += size
        if self._received[number] > self._limits.output_bytes:
            raise Violation(
                f"a call sent back more than {self._limits.output_bytes:,} bytes; raise "
                "limits.output_bytes, or send less"
            )

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        if not self._ready.done():
            self._ready.set_exception(error)


def _offer(spec: ToolSpec) -> Offer:
    schema = msgspec.json.encode(spec.schema)
    return Offer(spec.name, schema, spec.description, spec.effect, spec.timeout)


def _read(line: bytes) -> Line:
    try:
        said = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Violation(f"a line that is none of its protocol: {error}") from error
    named = (said.result, said.error, said.progress, said.stream)
    if sum(number is not None for number in named) + said.ready != 1:
        raise Violation("a line that is not one of ready, result, error, progress and stream")
    return said, len(line)
