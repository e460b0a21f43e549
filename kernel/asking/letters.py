"""Dead letters: messages that found no reader, and tasks that nobody tries again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.journal import Filter
from retinue.bus.journal.retold import Retold
from retinue.bus.messages import COMMANDS, EVENTS, MessageDead

from .records import Letter
from .source import Source

__all__ = [
    "CONFIDENTIAL",
    "LETTER_TYPES",
    "Opened",
    "envelope_of",
    "letter_of",
    "letters",
    "opened",
]

CONFIDENTIAL = {"RunTask": "input", "SubmitTask": "input", "InvokeTool": "args"}
"""Commands whose dead letters leave this field out: it is not redacted in memory."""

LETTER_TYPES = ("message.*", "task.failed", "task.outcome_unknown")


class Opened(msgspec.Struct, frozen=True):
    """A letter with its whole payload: a message's body, or the input of a task."""

    letter: Letter
    payload: Any
    sender: str = ""
    message: str = ""


def letters(source: Source, *, dealt: bool = False) -> list[Letter]:
    """All of them, oldest first; those that were redriven or purged only when ``dealt``."""
    found: dict[str, Letter] = {}
    for event in Retold(source).read(0, Filter(types=LETTER_TYPES)):
        if event.type in ("message.redriven", "message.purged"):
            _deal(found, event)
        else:
            letter = letter_of(event)
            found[letter.id] = letter
    return [letter for letter in found.values() if dealt or not letter.dealt]


def letter_of(event: Event) -> Letter:
    """The letter that an event of a type in ``LETTER_TYPES`` tells of."""
    body = event.data
    if event.type == "message.dead":
        what, to, reason = body["message"], body["recipient"], body["reason"]
        task, run = body.get("task", ""), body.get("run", "")
        return Letter(event.id, "message", event.time, event.seq, what, to, reason, task, run)
    kind = body.get("kind", "OutcomeUnknown")
    reason = f"{kind}: {body['cause']}"
    what = event.type.removeprefix("task.")
    return Letter(
        event.task, "task", event.time, event.seq, what, event.agent, reason, event.task, event.run
    )


def opened(source: Source, id: str) -> Opened:
    """A letter by its id, dealt with or not; raises ``NotFound``."""
    letter = next((one for one in letters(source, dealt=True) if one.id == id), None)
    if letter is None:
        raise NotFound(
            f"no dead letter {id!r}: `retinue dead list --all` shows those that there are"
        )
    if letter.kind == "task":
        return Opened(letter, _input(source, letter))
    event = _event(source, letter)
    body = decode(event.envelope.body, MessageDead)
    return Opened(letter, msgspec.json.decode(body.body), body.sender, body.id)


def envelope_of(source: Source, letter: Letter) -> Envelope:
    """The dead message itself, to be sent again; raises ``InvalidInput`` when it cannot be.

    A ``RunTask`` comes without its input: the kernel has that.
    """
    dead = decode(_event(source, letter).envelope.body, MessageDead)
    if not dead.id or (dead.message not in COMMANDS and dead.message not in EVENTS):
        raise InvalidInput(
            f"{letter.id} cannot be sent again: a {dead.message} carries what is only in the memory "
            f"of the kernel that sent it; `retinue dead purge {letter.id}` takes it off the list"
        )
    if dead.message in ("SubmitTask", "InvokeTool"):
        raise InvalidInput(
            f"{letter.id} cannot be sent again: what a {dead.message} was given is not written down; "
            f"its sender was told of the failure, and sends it anew"
        )
    body = bytes(dead.body)
    names = (dead.run, dead.task, dead.agent, dead.sender, dead.cause, dead.trace)
    return Envelope(dead.id, dead.message, dead.sent, body, *names)


def _deal(found: dict[str, Letter], event: Event) -> None:
    body = event.data
    letter = found.get(body["letter"])
    if letter is None:
        return
    if event.type == "message.purged":
        letter.dealt = f"purged: {body['reason']}"
    else:
        letter.dealt = f"redriven as {body['to']}"


def _event(source: Source, letter: Letter) -> Event:
    return next(Retold(source).read(letter.seq - 1, None, 1))


def _input(source: Source, letter: Letter) -> Any:
    only = Filter(run=letter.run, task=letter.task, types=("task.submitted",))
    return next(_inputs(source, only), None)


def _inputs(source: Source, only: Filter) -> Iterator[Any]:
    for event in Retold(source).read(0, only):
        yield event.data["input"]
