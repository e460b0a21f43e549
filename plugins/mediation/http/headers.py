"""The headers of a request that a plugin asks for, and the head of the answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from retinue.bus.errors import Denied, FetchFailed

__all__ = ["Head", "checked_headers", "parse_head", "request_head"]

MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024
MAX_ANSWER_HEADERS = 200
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_METHOD = re.compile(r"[A-Z]{3,10}\Z")
_VALUE = re.compile(r"[\t\x20-\x7e]*\Z")
_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?\Z")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that say how the bytes travel, which is the host's own affair."""


class Head(msgspec.Struct, frozen=True):
    """What a server answers first. ``framing`` says how its body ends, ``length`` in bytes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    framing: Literal["none", "length", "chunked", "close"]
    length: int = 0

    def get(self, name: str) -> str:
        """The first value of a header, by its name in lower case; or nothing."""
        return next((value for key, value in self.headers if key == name), "")


def checked_headers(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers in lower case. Raises ``Denied`` for one that would change what is sent."""
    found = tuple((name.lower(), value.strip(" \t")) for name, value in given.items())
    for name, value in found:
        if not _TOKEN.match(name) or not _VALUE.match(value):
            raise Denied("http.header", ascii(name[:100]), "a header is one line of ASCII")
        if name in _OURS or name.startswith("proxy-"):
            raise Denied("http.header", name, f"header {name!r} is set by the host alone")
    size = sum(len(name) + len(value) for name, value in found)
    if len({name for name, _ in found}) < len(found):
        raise Denied("http.header", "twice", "a header is given once")
    if len(found) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise Denied(
            "http.header", f"{size} bytes", f"headers have {MAX_HEADER_BYTES} bytes at most"
        )
    return found


def request_head(
    method: str, authority: str, path: str, headers: Iterable[tuple[str, str]], length: int
) -> bytes:
    """The bytes before the body. What was checked is checked once more, as secrets came in since."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"host: {authority}",
        "accept-encoding: gzip",
        "connection: close",
    ]
    if length or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(f"content-length: {length}")
    lines += [f"{name}: {value}" for name, value in headers]
    if not _METHOD.match(method) or not all(map(_VALUE.match, lines)):
        raise Denied("http.header", authority, "a header is one line of ASCII")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def parse_head(data: bytes, method: str) -> Head:
    """An answer's head, ending with an empty line; raises ``FetchFailed`` for what is not one."""
    first, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    status = _STATUS.match(first)
    if status is None or len(lines) > MAX_ANSWER_HEADERS:
        raise _malformed("its status line" if status is None else "its headers are too many")
    headers = tuple(map(_header, lines))
    code = int(status[1])
    if method == "HEAD" or code < 200 or code in (204, 304):
        return Head(code, headers, "none")
    return _framed(code, headers)


def _framed(code: int, headers: tuple[tuple[str, str], ...]) -> Head:
    lengths = {value for name, value in headers if name == "content-length"}
    codings = [value.lower() for name, value in headers if name == "transfer-encoding"]
    if codings:
        if codings != ["chunked"] or lengths:
            raise _malformed("it says in two ways how long its body is")
        return Head(code, headers, "chunked")
    if not lengths:
        return Head(code, headers, "close")
    text = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,15}", text):
        raise _malformed("its content-length")
    return Head(code, headers, "length", int(text))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.match(name) or any(c < " " and c != "\t" for c in value):
        raise _malformed("a header")
    return name.lower(), value.strip(" \t")


def _malformed(what: str) -> FetchFailed:
    return FetchFailed(f"the server's answer is not HTTP/1.1: {what}")
