"""Permissions as words of a command line. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retinue.bus.errors import InvalidInput

__all__ = ["permissions_in"]

_LISTS = ("read", "write", "env", "secrets")
_HOW = "write read=FOLDER, write=FOLDER, env=NAME, secrets=NAME, net=HOST, processes, or nothing"


def permissions_in(words: Iterable[str]) -> dict[str, Any] | None:
    """What ``--allow`` names, as in a manifest; ``None`` without a word, which leaves it to the code.

    Raises ``InvalidInput`` that names the word. What a value may be is the kernel's to say.
    """
    found: dict[str, Any] = {}
    given = list(words)
    for word in given:
        key, _, value = word.partition("=")
        if word == "nothing" and len(given) == 1:
            return {}
        if word == "processes":
            found["processes"] = True
        elif key in _LISTS and value:
            found.setdefault(key, []).append(value)
        elif key == "net" and value:
            found.setdefault("net", []).append(_rule(value))
        else:
            raise InvalidInput(f"--allow {word!r}: {_HOW}")
    return found if given else None


def _rule(text: str) -> dict[str, Any]:
    """``HOST[:PORT][,METHOD…]``; GET at 443 is what a manifest leaves out."""
    place, *methods = text.split(",")
    host, colon, port = place.partition(":")
    if colon and not port.isdecimal():
        raise InvalidInput(f"--allow 'net={text}': write net=HOST:PORT, such as net=a.example:8443")
    rule: dict[str, Any] = {"host": host}
    if colon:
        rule["ports"] = [int(port)]
    return {**rule, "methods": methods} if methods else rule
