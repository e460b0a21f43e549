"""An agent that takes something of every kind; the daemon of the console's tests imports this file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from retinue.plugins import Secret, agent


class Place(msgspec.Struct):
    """Where."""

    town: str
    number: int = 1


class Card(msgspec.Struct, tag="card"):
    """By card."""

    holder: str


class Cash(msgspec.Struct, tag="cash"):
    """In cash."""

    coins: list[int]


@agent
async def taker(
    ctx: Any,
    title: Annotated[str, Meta(max_length=20)],
    amount: Annotated[int, Meta(ge=1, le=9)] = 3,
    colour: Literal["red", "blue"] | None = None,
    sure: bool = False,
    words: list[str] | None = None,
    place: Place | None = None,
    paid: Card | Cash | None = None,
    share: float | None = None,
    anything: Any = None,
    slug: Annotated[str, Meta(pattern="^[a-z]*$")] = "",
    key: Annotated[str, Secret] = "",
) -> Any:
    """Give back what it was given.

    Args:
        title: what it is about
        amount: how many of them
    """
    del key, slug
    given = [title, amount, colour, sure, words, place, paid, share, anything]
    return msgspec.to_builtins(given)
