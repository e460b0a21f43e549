"""An event of each type, with every field filled."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from retinue.bus.coalescing import Coalesced
from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import AgentText, KernelStopped, type_of

SEQ = 17


def event_of(body):
    """The event around a body, with every name filled."""
    return Event(
        SEQ,
        Envelope(
            "e-7z3k9q2m-17",
            type_of(type(body)),
            1_000_000_000.123,
            encode(body),
            run="r-7z3k9q2m-1",
            task="t-7z3k9q2m-2",
            agent="librarian",
            sender="not for observers",
            cause="e-7z3k9q2m-16",
            trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    )


def sample_of(kind):
    """The struct with every field filled, by its type: a field that is new shows as a change."""
    fields = msgspec.structs.fields(kind)
    return kind(**{field.name: _value(field.name, field.type) for field in fields})


def _value(name, type):
    values = {
        str: f"the {name}",
        int: 3,
        float: 1.5,
        bool: True,
        msgspec.Raw: msgspec.Raw('{"n":1,"text":"é"}'.encode()),
        tuple[str, ...]: ("one", "two"),
        tuple[int, ...]: (3, 0, 4),
        dict[str, Any]: {"key": [1, None]},
    }
    return next(value for known, value in values.items() if type in (known, known | None))


class Shape(NamedTuple):
    """An event, the number mirrored before it, and what its reader is told of it beside its data."""

    event: Event
    after: int = SEQ - 1
    limit: int = 1 << 20
    count: int = 1
    reference: tuple[str, int] = ("", 0)


_TEXT = event_of(AgentText("a piece"))

SHAPES = {
    "bare": Shape(Event(SEQ, Envelope("e-1", "kernel.stopped", 1e9, encode(KernelStopped())))),
    "after-others-left-out": Shape(_TEXT, after=3),
    "by-reference": Shape(
        _TEXT,
        limit=10,
        reference=(f"/v1/events/{SEQ}", len(_TEXT.envelope.body)),
    ),
    "coalesced": Shape(Coalesced(SEQ, _TEXT.envelope, 3), after=SEQ - 3, count=3),
}
"""By the name of the golden file."""
