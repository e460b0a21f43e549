"""The host as a plugin's code sees it: files, fetches, secrets and the kernel, each asked for."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections.abc import Mapping
from typing import Any

import msgspec

from retinue.bus.codec import encode_value

from ..host.faults import Fault as Known
from ..host.faults import unpack
from ..protocol.frames import Ask, Cancel, Reply
from .channel import Channel

__all__ = ["Host", "during"]

during: contextvars.ContextVar[int] = contextvars.ContextVar("during")
"""The call that the current task works on; the host decides for whom it was made."""


class Host:
    """Asks, and waits for answers. Its coroutines are awaited on the guest's loop."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Future[bytes]] = {}

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """The host's answer; raises what it refused with, and ``RuntimeError`` outside a call."""
        body = encode_value(dict(params), f"the parameters of {method}")
        call = during.get(None)
        if call is None:
            raise RuntimeError(f"{method} is asked for outside a call: ask from within a tool")
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        self._channel.send(Ask(number, call, method, body))
        try:
            return msgspec.json.decode(await answer)
        except asyncio.CancelledError:
            self._channel.send(Cancel(number))
            raise
        finally:
            self._open.pop(number, None)

    def take(self, reply: Reply, before: bytes) -> None:
        """An answer; one that nobody waits for any more is passed over."""
        answer = self._open.get(reply.id)
        if answer is None or answer.done():
            return
        if reply.fault is None:
            answer.set_result(before + reply.value)
        else:
            fields = msgspec.json.decode(reply.fault.fields)
            answer.set_exception(unpack(Known(reply.fault.kind, reply.fault.message, fields)))
