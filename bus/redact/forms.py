"""The shapes in which a secret value may stand in a text. Pure.

What escapes do to a value is undone before it is looked for (``escapes.py``); what is left are
encodings of the value as a whole, each of which is looked for as it stands.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import msgspec

__all__ = ["LEAST", "Form", "forms_of", "streamed_forms"]

LEAST = 6
"""Bytes of the shortest form that can be told apart from other text."""

_LEAST_LINE = 8


class Form(msgspec.Struct, frozen=True, gc=False):
    """Found as ``data`` stands.

    ``before`` and ``after`` count the characters beside it that hold a part of the value as well:
    those of base64 that it shares with its neighbours.
    """

    data: bytes
    before: int = 0
    after: int = 0


def forms_of(value: bytes) -> tuple[Form, ...]:
    """Each form once: plain, its lines, base64 at each alignment and in both alphabets, hex."""
    found: dict[bytes, Form] = {}
    for form in (*map(Form, _plain(value)), *_base64(value), *_hex(value)):
        if len(form.data) >= LEAST:
            found.setdefault(form.data, form)
    return tuple(found.values())


def streamed_forms(value: bytes) -> frozenset[bytes]:
    """The forms that a text which comes in pieces is watched for: escaped ones among them."""
    forms = {form.data for form in forms_of(value)}
    text = value.decode("utf-8", "replace")
    for known in (text, " ".join(text.split())):
        once = json.dumps(known)[1:-1]
        kept = json.dumps(known, ensure_ascii=False)[1:-1]
        quoted = {quote(known), quote(known, safe=""), quote_plus(known)}
        lower = {_lower_percent(one) for one in quoted}
        every = "".join(f"%{byte:02X}" for byte in known.encode())
        units = "".join(f"\\u{unit:04x}" for unit in _utf16(known))
        escaped = {once, kept, json.dumps(once)[1:-1], json.dumps(kept)[1:-1], units}
        for form in {*escaped, *quoted, *lower, every, every.lower()}:
            forms.add(form.encode())
    return frozenset(form for form in forms if len(form) >= LEAST and _is_text(form))


def _plain(value: bytes) -> Iterator[bytes]:
    yield value
    yield b" ".join(value.split())
    yield value.replace(b" ", b"+")
    lines = value.splitlines()
    if lines[1:]:  # a key of many lines: logs and reports show it line by line
        yield from (bare for line in lines if len(bare := line.strip()) >= _LEAST_LINE)


def _base64(value: bytes) -> Iterator[Form]:
    """What stays the same whatever stands before and after the value in the encoded bytes."""
    for offset in range(3):
        bits = (offset + len(value)) * 8
        first, last = -(-offset * 8 // 6), bits // 6
        padded = bytes(offset) + value + b"\0\0"
        shared_before, shared_after = int(offset > 0), int(bits % 6 > 0)
        for encode in (b64encode, urlsafe_b64encode):
            yield Form(encode(padded)[first:last], shared_before, shared_after)


def _hex(value: bytes) -> Iterator[Form]:
    text = value.hex()
    yield Form(text.encode())
    yield Form(text.upper().encode())


def _utf16(text: str) -> list[int]:
    units = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]


def _lower_percent(quoted: str) -> str:
    head, *rest = quoted.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


def _is_text(form: bytes) -> bool:
    try:
        form.decode()
    except UnicodeDecodeError:
        return False
    return True
