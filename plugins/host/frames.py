"""What an agent's process and the kernel say to each other.

Values of the agent's own (inputs, results, states, arguments) are JSON inside the frames,
by the same rules as everywhere. ``turn`` is numbered by the kernel, ``request`` by the child.
"""

from __future__ import annotations

import msgspec

from .failures import Failure
from .faults import Fault

__all__ = [
    "Answer",
    "Ask",
    "Begin",
    "Chunk",
    "Drop",
    "Ended",
    "Finish",
    "FromChild",
    "Load",
    "Ready",
    "Refused",
    "Step",
    "Tell",
    "ToChild",
]


class _Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A frame is a msgpack array that begins with its kind."""


class Load(_Frame, frozen=True):
    """First to the child: the agent to import, as ``AgentSpec.reference`` names it."""

    reference: str


class Begin(_Frame, frozen=True):
    """To the child: a turn. ``deadline`` is in seconds since the epoch, ``state`` JSON."""

    turn: int
    input: bytes
    run: str
    task: str
    agent: str
    attempt: int
    deadline: float | None
    state: bytes
    model: str


class Tell(_Frame, frozen=True):
    """To the child: the turn has to stop; it is killed when it does not."""

    turn: int
    reason: str


class Answer(_Frame, frozen=True):
    """To the child: what came of a request; also the end of a stream."""

    request: int
    value: bytes = b"null"
    fault: Fault | None = None


class Chunk(_Frame, frozen=True):
    """To the child: the next piece of a stream."""

    request: int
    value: bytes


class Finish(_Frame, frozen=True):
    """To the child: run the agent's ``on_stop``, and exit."""


class Ready(_Frame, frozen=True):
    """To the kernel: the agent was imported."""


class Refused(_Frame, frozen=True):
    """To the kernel: it could not be."""

    failure: Failure


class Step(_Frame, frozen=True):
    """To the kernel: an event of the turn, its dotted type and its JSON."""

    turn: int
    event: str
    body: bytes


class Ask(_Frame, frozen=True):
    """To the kernel: a method of the turn's port, its arguments a JSON object."""

    turn: int
    request: int
    method: str
    args: bytes


class Drop(_Frame, frozen=True):
    """To the kernel: the request's answer is not wanted any more."""

    turn: int
    request: int


class Ended(_Frame, frozen=True):
    """To the kernel: the turn is over, with a result and the agent's state, or a failure."""

    turn: int
    result: bytes = b"null"
    state: bytes = b"{}"
    failure: Failure | None = None


ToChild = Load | Begin | Tell | Answer | Chunk | Finish
FromChild = Ready | Refused | Step | Ask | Drop | Ended
