"""What the kernel does on Redis, as calls that change nothing: to see whether it may. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..topics import channel, fill_channel, heartbeat_key, journal_key, readers_key, stream
from .acl import Dialects

__all__ = ["PROBE", "Call", "calls"]

Call = tuple[str, ...]

PROBE = "doctor"
"""The end of the name of a key and channel that nobody uses."""


def calls(kernel: str, dialects: Dialects, *, harmless: bool = False) -> Iterator[Call]:
    """One call for each command, and for each key and channel, that the kernel needs.

    ``harmless`` ones can be carried out: they go to a key and a channel that nobody uses, and
    leave neither. The others are to be asked about.
    """
    probe = f"retinue:{{{kernel}}}:{PROBE}"
    log, readers = (probe, probe) if harmless else (stream(kernel), readers_key(kernel))
    yield ("PING",)
    yield ("EVAL", "return 1", "1", log)
    yield ("EVALSHA", "0" * 40, "1", log)
    yield ("SCRIPT", "LOAD", "return 1")
    yield ("GET", probe if harmless else journal_key(kernel))
    yield ("SET", probe if harmless else heartbeat_key(kernel), "x", "XX", "PX", "1")
    yield ("XADD", log, "NOMKSTREAM", "*", "event", "x")
    yield ("XTRIM", log, "MAXLEN", "~", "1")
    yield ("XLEN", log)
    yield ("XRANGE", log, "-", "+")
    yield ("XREVRANGE", log, "+", "-")
    yield ("HLEN", readers)
    yield ("HGETALL", readers)
    answer = probe if harmless else f"{fill_channel(kernel)}:{PROBE}"
    yield ("RPUSH", answer, "x")
    yield ("EXPIRE", answer, "1")
    yield ("DEL", answer)
    for key in dialects.keys:
        yield ("XLEN", key) if harmless else ("XADD", key, "*", "json", "x")
    told = (channel(kernel, "-", PROBE), heartbeat_key(kernel), *dialects.channels)
    for name in (probe,) if harmless else told:
        yield ("PUBLISH", name, "")
    for name in (probe,) if harmless else (fill_channel(kernel), *dialects.channels):
        yield ("SUBSCRIBE", name)
