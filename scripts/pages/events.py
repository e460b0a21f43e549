"""``reference/events.md``, from ``retinue.bus.messages``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from text import fields, prose, summary, table

from retinue.bus.messages import EVENTS, TERMINAL_RUN, TERMINAL_TASK

_HEAD = """\
# Events

<!-- Written by scripts/docs from bus/messages. Change the code, then run scripts/docs. -->

An event says what has happened. The kernel writes each event to its journal first, and then tells observers.
Every event has a number, `sequence`. Sequence numbers count the kernel's events from 1 without a gap.
An event's `type` is dotted, in lower case, and begins with a noun: `tool.called`.

Readers must ignore fields that they do not know: later versions may add some.
A field with a default is left out when it has its default value.

{terminal}

## What every event has

An observer reads an event as one JSON object with the attributes of CloudEvents 1.0.

{attributes}

## What each type has in `data`

{contents}
"""

_ATTRIBUTES = [
    ("specversion", "Always `1.0`."),
    ("id", "The event's own id, unique over all starts of the kernel."),
    ("source", "`retinue:` and the kernel's name."),
    ("type", "One of the types below."),
    ("time", "When it happened: RFC 3339, in UTC, with milliseconds."),
    ("subject", "What it is about: the task, or else the agent, or else the run."),
    ("sequence", "The number in the journal: decimal, padded to 16 digits."),
    ("run", "The run that it belongs to. Absent when there is none."),
    ("task", "The task that it belongs to. Absent when there is none."),
    ("agent", "The agent that it belongs to. Absent when there is none."),
    ("cause", "The id of the message that led to it. Absent when unknown."),
    ("traceparent", "The W3C trace context. Absent when there is none."),
    (
        "previous",
        "The `sequence` of the event mirrored before this one; absent when that is one less.",
    ),
    ("data", "The fields of its type, and the `type` once more."),
]


def page() -> str:
    """The whole page."""
    return _HEAD.format(
        terminal=_terminal(),
        attributes=table(["attribute", "meaning"], [(f"`{a}`", m) for a, m in _ATTRIBUTES]),
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
