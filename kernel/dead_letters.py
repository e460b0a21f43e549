"""A message that found no reader, as the journal keeps it."""

from __future__ import annotations

import msgspec

from retinue.actors.runtime import DeadLetter
from retinue.bus.envelope import Envelope
from retinue.bus.messages import MessageDead

__all__ = ["told"]


def told(letter: DeadLetter) -> MessageDead:
    """The event's body. What is no envelope has no form outside this process: only its type is told."""
    message = letter.message
    if not isinstance(message, Envelope):
        return MessageDead(type(message).__name__, letter.recipient, letter.reason)
    return MessageDead(
        message.type,
        letter.recipient,
        letter.reason,
        message.id,
        msgspec.Raw(message.body),
        message.run,
        message.task,
        message.agent,
        message.sender,
        message.cause,
        message.trace,
        message.time,
    )
