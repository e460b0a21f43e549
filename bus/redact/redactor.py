"""Replacing secrets in what is about to be written: encoded messages, and plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .escapes import BACKSLASH, LEVELS, Unescaped, readings
from .forms import Form
from .secrets import Secret, Secrets

__all__ = ["Range", "Redactor", "is_withheld", "ranges_in"]

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|-?[0-9][0-9.eE+-]*', re.DOTALL)
_KEY = re.compile(rb"\s*:")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def is_withheld(data: bytes) -> bool:
    """Whether something stands in for a secret there, put by a redactor or typed by somebody."""
    return b"[secret" in data or b"[***]" in data


class Range(NamedTuple):
    """``data[start:end]`` shows a secret; ``shown`` is to stand there instead."""

    start: int
    end: int
    shown: bytes


class Redactor:
    """Any thread may use it. It costs a look at a flag while no secret is registered."""

    def __init__(self, secrets: Secrets) -> None:
        """What is registered later counts from then on."""
        self._secrets = secrets

    def redact(self, body: bytes) -> bytes:
        """The JSON text with each secret in it replaced: the same shape, and valid as before.

        Secrets are found in strings and keys at any depth. A number that is one becomes 0. The
        outermost keys, and the ``type`` beside them, are the message's own and stay.
        """
        if not self._secrets.any:
            return body
        suspects = self._secrets.suspects(body)
        return _redacted(body, suspects, 0) if suspects else body

    def value(self, body: bytes) -> bytes:
        """The same for the JSON text of a value that is no message: all its keys count."""
        if not self._secrets.any:
            return body
        suspects = self._secrets.suspects(body)
        return _redacted(body, suspects, 1) if suspects else body

    def text(self, text: str) -> str:
        """The text with each secret in it replaced."""
        if not self._secrets.any:
            return text
        data = text.encode("utf-8", "surrogatepass")
        suspects = self._secrets.suspects(data)
        found = ranges_in(data, suspects) if suspects else []
        return replaced(data, found).decode("utf-8", "replace") if found else text


def ranges_in(data: bytes, suspects: Sequence[Secret], levels: int = LEVELS) -> list[Range]:
    """Where the secrets stand, in order; ranges do not overlap."""
    found = [one for secret in suspects for one in _literal(data, secret)]
    for pattern in readings(data) if levels else ():
        inner = Unescaped(data, pattern)
        if inner.data != data:
            for start, end, shown in ranges_in(inner.data, suspects, levels - 1):
                found.append(Range(*inner.origin(start, end), shown))
    return _merged(found) if found else found


def replaced(data: bytes, ranges: Sequence[Range]) -> bytes:
    """The data with what ``ranges_in`` found replaced."""
    parts: list[bytes] = []
    end = 0
    for one in ranges:
        parts += (data[end : one.start], one.shown)
        end = one.end
    parts.append(data[end:])
    return b"".join(parts)


def _redacted(body: bytes, suspects: Sequence[Secret], depth: int) -> bytes:
    """What stands at depth 1 are the keys of a message, and what belongs to them."""
    parts: list[bytes] = []
    end = 0
    key = b""
    for found in _TOKEN.finditer(body):
        token, start = found[0], found.start()
        first = token[:1]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        elif first == b'"' and depth == 1 and _KEY.match(body, found.end()):
            key = token
        elif first != b'"' or depth != 1 or key != b'"type"':
            new = _string(token, suspects) if first == b'"' else _number(token, suspects)
            if new is not token:
                parts += (body[end:start], new)
                end = found.end()
    parts.append(body[end:])
    return b"".join(parts)


def _string(token: bytes, suspects: Sequence[Secret]) -> bytes:
    """A string of JSON. Escapes are replaced as a whole or not at all, so it stays one."""
    content = token[1:-1]
    if b"\\" not in content:
        found = ranges_in(content, suspects)
    else:
        inner = Unescaped(content, BACKSLASH)
        within = ranges_in(inner.data, suspects)
        found = [Range(*inner.origin(one.start, one.end), one.shown) for one in within]
    return b'"' + replaced(content, found) + b'"' if found else token


def _number(token: bytes, suspects: Sequence[Secret]) -> bytes:
    return b"0" if any(token == secret.value for secret in suspects) else token


def _literal(data: bytes, secret: Secret) -> list[Range]:
    found: list[Range] = []
    for form in secret.forms:
        start = data.find(form.data)
        while start >= 0:
            end = start + len(form.data)
            found.append(_with_shared(data, start, end, form, secret.shown))
            start = data.find(form.data, end)
    return found


def _with_shared(data: bytes, start: int, end: int, form: Form, shown: bytes) -> Range:
    """With the characters of base64 beside it that hold some bits of the secret, too."""
    if form.before and start and data[start - 1] in _BASE64:
        start -= 1
    if form.after and data[end : end + 1] and data[end] in _BASE64:
        end += 1
        while data[end : end + 1] == b"=":
            end += 1
    return Range(start, end, shown)


def _merged(found: list[Range]) -> list[Range]:
    """In order, what overlaps made one; the longest gives the name."""
    found.sort(key=lambda one: (one.start, -one.end))
    merged = [found[0]]
    for one in found[1:]:
        last = merged[-1]
        if one.start >= last.end:
            merged.append(one)
        elif one.end > last.end:
            longest = max(last, one, key=lambda r: r.end - r.start)
            merged[-1] = Range(last.start, one.end, longest.shown)
    return merged
