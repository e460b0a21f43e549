"""JSON Schema documents that stand by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ..errors import NotFound
from ..messages import COMMANDS, EVENTS
from .events import Schema, envelopes, payloads

__all__ = ["command_document", "event_document"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"


def event_document(globs: Sequence[str] = ()) -> Schema:
    """The events as observers read them, all or those whose type matches one of the globs.

    Raises ``NotFound`` for a glob that matches none.
    """
    types = _chosen(globs or ("*",))
    kinds = {name: EVENTS[name] for name in types}
    return {
        "$schema": _DIALECT,
        "title": "An event of a Retinue kernel",
        **_one_of(types),
        "$defs": envelopes(kinds, _REF) | payloads(kinds.values(), _REF),
    }


def command_document() -> Schema:
    """What actors of the kernel ask of each other; observers never see these."""
    return {
        "$schema": _DIALECT,
        "title": "A command inside a Retinue kernel",
        **_one_of([kind.__name__ for kind in COMMANDS.values()]),
        "$defs": payloads(COMMANDS.values(), _REF),
    }


def _one_of(names: Sequence[str]) -> Schema:
    references = [{"$ref": _REF.format(name=name)} for name in names]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _chosen(globs: Sequence[str]) -> list[str]:
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in EVENTS):
            near = get_close_matches(glob, EVENTS, n=1)
            hint = f", but there is {near[0]!r}" if near else ""
            raise NotFound(f"no event has the type {glob!r}{hint}; see `retinue schema events`")
    return [name for name in EVENTS if any(fnmatchcase(name, glob) for glob in globs)]
