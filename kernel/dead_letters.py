"""A message that found no reader, as the journal keeps it."""

from __future__ import annotations

import msgspec

from retinue.actors.runtime import DeadLetter
from retinue.bus.envelope import Envelope
from retinue.bus.messages import MessageDead

from .asking.letters import CONFIDENTIAL

__all__ = ["told"]


def told(letter: DeadLetter) -> MessageDead:
    """The event's body.

    What is no envelope has no form outside this process: only its type is told. An input or an
    argument is withheld: it may hold secrets, and those of a task that has ended, or was never
    accepted, are known to nobody who could redact them.
    """
    message = letter.message
    if not isinstance(message, Envelope):
        return MessageDead(type(message).__name__, letter.recipient, letter.reason)
    return MessageDead(
        message.type,
        letter.recipient,
        letter.reason,
        message.id,
        _body(message),
        message.run,
        message.task,
        message.agent,
        message.sender,
        message.cause,
        message.trace,
        message.time,
    )


def _body(message: Envelope) -> msgspec.Raw:
    withheld = CONFIDENTIAL.get(message.type)
    if withheld is None:
        return msgspec.Raw(message.body)
    fields = msgspec.json.decode(message.body, type=dict[str, msgspec.Raw])
    return msgspec.Raw(msgspec.json.encode({**fields, withheld: None}))
