"""What a client and a server may say to each other at this moment: a pure state machine.

It makes the lines that go out, and says what a message that came in means. No I/O, no waiting.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ..protocol.rules import Violation
from .messages import METHOD_NOT_FOUND, Fault, Message, failure, notification, request, response

__all__ = [
    "Answered",
    "Asked",
    "Changed",
    "ClientSession",
    "Failed",
    "Happening",
    "Nothing",
    "Progressed",
    "Told",
]

T = TypeVar("T")
_LATE = 1024
"""Ids of requests that nobody waits for, kept so that their answers are known and passed over."""
_UNASKED_BYTES, _MINUTE = 4 << 20, 60.0
_META = "io.modelcontextprotocol/"
_CLIENT_FEATURES = ("sampling/", "elicitation/", "roots/")


class Answered(msgspec.Struct, frozen=True):
    """A request of ours has its result, as JSON."""

    id: int
    result: bytes


class Failed(msgspec.Struct, frozen=True):
    """A request of ours was not done."""

    id: int
    fault: Fault


class Progressed(msgspec.Struct, frozen=True):
    """How far a request of ours is; ``total`` 0 says that nobody knows."""

    id: int
    done: float
    total: float
    note: str


class Asked(msgspec.Struct, frozen=True):
    """The server wants something: ``reply`` goes back; ``refused`` names what was denied, if it was."""

    reply: bytes
    refused: str = ""


class Told(msgspec.Struct, frozen=True):
    """A line for the log."""

    level: str
    text: str


class Changed(msgspec.Struct, frozen=True):
    """The server's list of tools is another one now."""


class Nothing(msgspec.Struct, frozen=True):
    """Not of interest: an answer that comes too late, a notification that is not read here."""


Happening = Answered | Failed | Progressed | Asked | Told | Changed | Nothing


class _Progress(msgspec.Struct):
    progressToken: int | str  # noqa: N815 - the protocol's names
    progress: float
    total: float | None = None
    message: str | None = None


class _Log(msgspec.Struct):
    level: str = "info"
    data: msgspec.Raw = msgspec.Raw(b"null")


class ClientSession:
    """The client's side of one connection. Not thread-safe; raises ``Violation``."""

    def __init__(
        self,
        name: str,
        version: str,
        output_bytes: int,
        roots: Sequence[str],
        monotonic: Callable[[], float],
    ) -> None:
        """``name`` and ``version`` are the client's; ``output_bytes`` may come for one request.

        ``roots`` are the folders that the server was granted, as absolute paths.
        """
        self.version = ""
        """The version that was agreed upon."""
        self.modern = False
        """Whether that is one without a handshake."""
        self._client = {"name": name, "version": version}
        self._output_bytes = output_bytes
        self._roots = tuple(roots)
        self._monotonic = monotonic
        self._open: dict[int, int] = {}
        self._late: OrderedDict[int, None] = OrderedDict()
        self._minute, self._unasked = monotonic(), 0

    @property
    def introduction(self) -> dict[str, Any]:
        """The parameters of ``initialize``, without the version."""
        return {"capabilities": self._capabilities(), "clientInfo": self._client}

    def agree(self, version: str, *, modern: bool) -> None:
        """Speak this version from now on."""
        self.version, self.modern = version, modern

    def request(
        self,
        id: int,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        progress: bool = False,
    ) -> bytes:
        """The line of a request, whose answer is expected from now on."""
        self._open[id] = 0
        meta: dict[str, Any] = {"progressToken": id} if progress else {}
        if self.modern:
            meta |= self._envelope()
        given = dict(params or {})
        return request(id, method, {**given, "_meta": meta} if meta else given)

    def cancel(self, id: int, reason: str) -> bytes:
        """The line that takes a request back; an answer that comes anyway is passed over."""
        self.forget(id)
        return notification("notifications/cancelled", {"requestId": id, "reason": reason})

    def forget(self, id: int) -> None:
        """Expect no answer to this any more, and mind none."""
        if self._open.pop(id, None) is not None:
            self._late[id] = None
            if len(self._late) > _LATE:
                self._late.popitem(last=False)

    def take(self, message: Message, size: int) -> Happening:
        """What a message of the server's means; ``size`` is its line's, in bytes."""
        if not message.method:
            return self._response(message, size)
        if message.method == "notifications/progress":
            return self._progressed(message, size)
        self._count_unasked(size)
        if message.id is not None:
            return self._asked(message.id, message.method)
        if message.method == "notifications/tools/list_changed":
            return Changed()
        if message.method == "notifications/message":
            log = _read(message.params, _Log)
            return Told(log.level, bytes(log.data).decode("utf-8", "replace"))
        return Nothing()

    def _response(self, message: Message, size: int) -> Happening:
        number = message.id
        if number is None and message.error is not None:  # it could not read a line of ours
            return Told("error", message.error.message)
        if not isinstance(number, int) or number not in self._open:
            if isinstance(number, int) and number in self._late:
                del self._late[number]
                return Nothing()
            raise Violation(f"an answer to {number!r}, which was not asked")
        self._count(number, size)
        if message.error is None and not bytes(message.result):
            raise Violation(f"an answer to {number!r} with neither a result nor an error")
        del self._open[number]
        if message.error is not None:
            return Failed(number, message.error)
        return Answered(number, bytes(message.result))

    def _progressed(self, message: Message, size: int) -> Happening:
        told = _read(message.params, _Progress)
        number = told.progressToken
        if not isinstance(number, int) or number not in self._open:
            self._count_unasked(size)
            return Nothing()
        self._count(number, size)
        return Progressed(number, told.progress, told.total or 0.0, told.message or "")

    def _asked(self, id: int | str, method: str) -> Happening:
        """Answer what may be had; whatever was not granted is refused."""
        if method == "ping":
            return Asked(response(id, {}))
        if method == "roots/list" and self._roots:
            roots = [{"uri": f"file://{path}"} for path in self._roots]
            return Asked(response(id, {"roots": roots}))
        refused = method if method.startswith(_CLIENT_FEATURES) else ""
        why = "was not granted" if refused else "is not known"
        return Asked(failure(id, METHOD_NOT_FOUND, f"{method[:100]} {why}"), refused)

    def _count(self, id: int, size: int) -> None:
        self._open[id] += size
        if self._open[id] > self._output_bytes:
            raise Violation(
                f"a request got more than {self._output_bytes:,} bytes back; raise "
                "limits.output_bytes, or send less"
            )

    def _count_unasked(self, size: int) -> None:
        now = self._monotonic()
        if now - self._minute >= _MINUTE:
            self._minute, self._unasked = now, 0
        self._unasked += size
        if self._unasked > _UNASKED_BYTES:
            raise Violation(f"over {_UNASKED_BYTES:,} bytes a minute that nobody asked for")

    def _capabilities(self) -> dict[str, Any]:
        return {"roots": {}} if self._roots else {}

    def _envelope(self) -> dict[str, Any]:
        return {
            f"{_META}protocolVersion": self.version,
            f"{_META}clientInfo": self._client,
            f"{_META}clientCapabilities": {},
        }


def _read(params: msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(params, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Violation(f"a notification that cannot be read: {error}") from error
