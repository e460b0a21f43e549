"""``ToolCall``: one call of a tool outside any task, as the one who follows it holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from retinue.actors.operator_calls import CancelCall, FollowedCall
from retinue.actors.runtime import Future
from retinue.actors.runtime.future import VALUE
from retinue.bus.codec import encode_value
from retinue.bus.messages import InvokeTool

from .tree import Tree

__all__ = ["ToolCall"]

_TIMEOUT = 30.0


class ToolCall:
    """A call, which begins with ``begin``. Any thread may use it; it holds nothing to be closed."""

    def __init__(self, tree: Tree, tool: str, args: Mapping[str, Any]) -> None:
        """Made by ``Kernel``. Raises ``InvalidInput`` for what JSON cannot carry."""
        body = msgspec.Raw(encode_value(dict(args), f"the arguments of {tool}"))
        self.tool = tool
        self.cursor = tree.store.last
        """A ``seq`` before the call's first event."""
        self.written: Future[int] = Future()
        """The ``seq`` of its last event, once that is committed; 0 when it was refused before."""
        self._tree = tree
        self._command = tree.scribe.write(InvokeTool(tool, body))

    def __repr__(self) -> str:
        return f"<ToolCall {self.id} of {self.tool}>"

    @property
    def id(self) -> str:
        """What its events name as their ``cause``."""
        return self._command.id

    def begin(self, timeout: float = _TIMEOUT) -> Future[Any]:
        """Have it called; the result comes within ``timeout`` seconds, or ``DeadlineExceeded`` does.

        The call itself goes on then, as long as its tool may take. Otherwise raises, here or from
        the future, what ``Kernel.invoke`` does.
        """
        message = FollowedCall(self._command, self.written)
        reply: Future[Any] = self._tree.manager.ask(message, block=False, timeout=timeout)
        return reply

    def give_up(self) -> None:
        """Nobody waits for its end any more."""
        self.written.settle(VALUE, 0)

    def cancel(self, reason: str) -> Future[bool]:
        """Ask for its end; the future tells whether it went on until then."""
        message = CancelCall(self.id, reason)
        asked: Future[bool] = self._tree.manager.ask(message, block=False, timeout=_TIMEOUT)
        return asked
