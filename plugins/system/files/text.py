"""Bytes to text, or a plain reason why not. Pure."""

from __future__ import annotations

import codecs

__all__ = ["NotText", "decode"]

_PROBE = 8192
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class NotText(ValueError):
    """The bytes are no text; the message says which byte, and at which offset."""


def decode(data: bytes) -> str:
    """The text, with Unix line ends: UTF-8, or UTF-16 with a byte order mark.

    Raises ``NotText`` for a NUL near the start (a binary file) and for what does not decode.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data[:_PROBE]:
        raise NotText(f"a binary file: NUL at offset {data.index(0)}")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise NotText(f"not {encoding} text: byte 0x{byte:02x} at offset {error.start}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
