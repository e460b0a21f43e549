"""Pages of a list: the next one is in the header ``Link``, as RFC 8288 has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec

from .responses import Answer

__all__ = ["paged"]


class Named(Protocol):
    """What has an id."""

    @property
    def id(self) -> str:
        """Its id."""


def paged(found: Sequence[Named], query: msgspec.Struct, path: str) -> Answer:
    """A full page names the one that follows: ``before`` the last of its ids."""
    given: dict[str, Any] = msgspec.structs.asdict(query)
    if len(found) < given["limit"]:
        return Answer(200, found)
    given["before"] = found[-1].id
    target = urlencode({name: value for name, value in given.items() if value is not None})
    return Answer(200, found, {"link": f'<{path}?{target}>; rel="next"'})
