"""What travels through a mailbox: a header that routing reads, and a body encoded once.

The body is JSON. msgspec writes and reads it as fast as msgpack at the sizes that a kernel
carries, the journal stays readable with a database shell, and observers get the very bytes
that were committed (see docs/explanation/json-bodies.md).
"""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import CodecError

__all__ = ["Envelope", "Event"]


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One command or event. Immutable, so that actors share nothing they could change.

    ``type`` is dotted and lower case for events (``tool.called``), and the name of the
    struct for commands (``SubmitTask``). ``time`` is seconds since the epoch, ``deadline``
    the same or ``None``. ``cause`` is the id of the message that led to this one, ``trace``
    a W3C ``traceparent``. Absent names are empty strings.
    """

    id: str
    type: str
    time: float
    body: bytes
    run: str = ""
    task: str = ""
    agent: str = ""
    sender: str = ""
    cause: str = ""
    trace: str = ""
    deadline: float | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """A committed envelope. ``seq`` counts the kernel's events from 1 without a gap."""

    seq: int
    envelope: Envelope

    @property
    def id(self) -> str:
        """The envelope's id."""
        return self.envelope.id

    @property
    def type(self) -> str:
        """For example ``task.succeeded``."""
        return self.envelope.type

    @property
    def time(self) -> float:
        """Seconds since the epoch."""
        return self.envelope.time

    @property
    def run(self) -> str:
        """The run's id, or an empty string."""
        return self.envelope.run

    @property
    def task(self) -> str:
        """The task's id, or an empty string."""
        return self.envelope.task

    @property
    def agent(self) -> str:
        """The agent's name, or an empty string."""
        return self.envelope.agent

    @property
    def data(self) -> dict[str, Any]:
        """The body, decoded anew at each call; see ``codec.decode`` for the typed form.

        Raises ``CodecError``, with the bytes, for a body that is not JSON.
        """
        try:
            decoded: dict[str, Any] = msgspec.json.decode(self.envelope.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CodecError(
                f"the body of event {self.seq} ({self.type}) is not JSON: {error}",
                self.envelope.body,
            ) from error
        return decoded
