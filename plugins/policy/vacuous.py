"""Finding rules that can match nothing: what is left of one must not contradict itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["is_vacuous"]


def is_vacuous(residual: Mapping[str, Any]) -> bool:
    """Whether a rule, as partial evaluation left it, is never satisfied.

    True for what came down to ``false``, and for a conjunction that equates one thing with two
    different values. What is left may still match nothing: this finds slips, not all of logic.
    """
    equal: dict[bytes, bytes] = {}
    for condition in residual.get("conditions", []):
        if condition.get("kind") != "when":
            if condition.get("body") == {"Value": True}:
                return True
            continue
        for part in _conjuncts(condition.get("body")):
            if part == {"Value": False}:
                return True
            if (pair := _equation(part)) is not None:
                term, value = pair
                if equal.setdefault(term, value) != value:
                    return True
    return False


def _conjuncts(part: Any) -> Iterator[Any]:
    if isinstance(part, Mapping) and set(part) == {"&&"}:
        yield from _conjuncts(part["&&"]["left"])
        yield from _conjuncts(part["&&"]["right"])
    else:
        yield part


def _equation(part: Any) -> tuple[bytes, bytes] | None:
    """A term and the literal that it has to be equal to, whichever side each is on."""
    if not isinstance(part, Mapping) or set(part) != {"=="}:
        return None
    left, right = part["=="]["left"], part["=="]["right"]
    if "Value" in left and "Value" not in right:
        left, right = right, left
    if "Value" in left or "Value" not in right:
        return None
    return msgspec.json.encode(left), msgspec.json.encode(right)
