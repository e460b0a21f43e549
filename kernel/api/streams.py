"""What the documents say about the one route that answers with a stream."""

from __future__ import annotations

from typing import NamedTuple

from .events import Cursor
from .reading import Query

__all__ = ["STREAM", "Streamed"]


class Streamed(NamedTuple):
    """A route that goes on for as long as its client follows."""

    path: str
    summary: str
    description: str
    query: type[Query]


STREAM = Streamed(
    "/v1/events",
    "The events as JSON lines, or as server-sent events.",
    "Without more, JSON lines, one event each; an empty line is a heartbeat. With "
    "`Accept: text/event-stream` they are server-sent events: `id` is the `seq`, `event` the type, "
    "`data` the event as CloudEvents JSON. `Last-Event-ID` goes on after that event. An event `gap` "
    "says what is missing and how to get it, an event `problem` why the stream ends. A comment is a "
    "heartbeat.",
    Cursor,
)
