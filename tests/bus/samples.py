"""An event of each type, with every field filled."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import type_of

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
