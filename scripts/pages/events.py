"""``reference/events.md``, from ``retinue.bus.messages``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from text import fields, prose, summary, table

from retinue.bus.messages import EVENTS, TERMINAL_RUN, TERMINAL_TASK
from retinue.bus.schema import ATTRIBUTES

_HEAD = """\
# Events

<!-- Written by scripts/docs from bus/messages. Change the code, then run scripts/docs. -->

An event says what has happened. The kernel writes each event to its journal first, and then tells observers.
Every event has a number, `sequence`. Sequence numbers count the kernel's events from 1 without a gap.
An event's `type` is dotted, in lower case, and begins with a noun: `tool.called`.

Readers must ignore fields that they do not know: later versions may add some.
A field with a default is left out when it has its default value.
[What may change in an event](../explanation/versions-of-events.md) says more.

`retinue schema events` prints all of this as JSON Schema, for programs.
[`asyncapi.json`](asyncapi.json) has it with the channels.

{terminal}

## What every event has

An observer reads an event as one JSON object with the attributes of CloudEvents 1.0.

{attributes}

## What each type has in `data`

{contents}
"""


def page() -> str:
    """The whole page."""
    return _HEAD.format(
        terminal=_terminal(),
        attributes=table(
            ["attribute", "meaning"],
            [(f"`{name}`", said["description"]) for name, said in ATTRIBUTES.items()],
        ),
        contents="\n\n".join(_groups()),
    )


def _terminal() -> str:
    return (
        f"Every run ends in exactly one of {_listed(TERMINAL_RUN)}.\n"
        f"Every task ends in exactly one of {_listed(TERMINAL_TASK)}."
    )


def _listed(types: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(types))


def _groups() -> Iterator[str]:
    modules = dict.fromkeys(kind.__module__ for kind in EVENTS.values())
    for module in modules:
        kinds = [item for item in EVENTS.items() if item[1].__module__ == module]
        yield f"### {summary(importlib.import_module(module).__doc__)}"
        yield from (_event(name, kind) for name, kind in kinds)


def _event(name: str, kind: type[Any]) -> str:
    said = f"#### {name}\n\n`{name}`: {prose(kind.__doc__)}"
    return f"{said}\n\n{fields(kind)}".rstrip()
