"""Push parsers for what models stream: JSON amid prose, and the text of one field of it.

Pure, linear in time and bounded in what they hold; any chunking of the same text gives the
same result. They follow structure only: whether it is valid, msgspec says once, at the end.
"""

from __future__ import annotations

import re

from .strings import StringDecoder

__all__ = ["FieldText", "JsonText", "first_json"]

_SPACE = " \t\r\n"
_FIRST = {"{": '"}', "[": '{["]-0123456789tfn'}  # what may follow an opening, but for space
_STRING_RUN = re.compile(r'[^"\\]*')
_STRUCTURE = re.compile(r'["{}\[\]]')
_TOKEN = re.compile(r'["{}\[\],:]')


def first_json(text: str, opens: str = "{") -> str:
    """The first JSON value in ``text`` that starts with ``opens``, without fences and prose.

    Where there is none, ``text`` without the space and the fence around it.
    """
    parser = JsonText(opens)
    found = parser.feed(text)
    return found or text.strip().removeprefix("```json").strip("`").strip()


class JsonText:
    """Passes on the first JSON value of a text, and drops the fences and the prose around it.

    ``opens`` is ``{`` for an object or ``[`` for an array; a brace that no JSON can follow
    (``{name}`` in prose) is passed over.
    """

    def __init__(self, opens: str = "{") -> None:
        """Start before the text."""
        self._opens = opens
        self._opened = False
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.done = False

    def feed(self, chunk: str) -> str:
        """The part of ``chunk`` that belongs to the value."""
        if self.done:
            return ""
        if self._depth:
            return self._follow(chunk, 0)
        return self._seek(chunk)

    def _seek(self, chunk: str) -> str:
        at = 0
        while at < len(chunk):
            if not self._opened:
                at = chunk.find(self._opens, at) + 1
                if not at:
                    return ""
                self._opened = True
            elif chunk[at] in _SPACE:
                at += 1
            elif chunk[at] in _FIRST[self._opens]:
                self._depth = 1
                return self._opens + self._follow(chunk, at)
            else:
                self._opened = False
        return ""

    def _follow(self, chunk: str, start: int) -> str:
        at = start
        while at < len(chunk) and not self.done:
            at = self._string(chunk, at) if self._in_string else self._structure(chunk, at)
        return chunk[start:at]

    def _string(self, chunk: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        at = _end(_STRING_RUN, chunk, at)
        if at < len(chunk):
            self._escaped = chunk[at] == "\\"
            self._in_string = self._escaped
            at += 1
        return at

    def _structure(self, chunk: str, at: int) -> int:
        found = _STRUCTURE.search(chunk, at)
        if found is None:
            return len(chunk)
        mark = found.group()
        if mark == '"':
            self._in_string = True
        else:
            self._depth += 1 if mark in "{[" else -1
            self.done = self._depth == 0
        return found.end()


class FieldText:
    """The text of one string field, as it grows, out of a model's streamed JSON object.

    ``FieldText("answer")`` follows a field of the root, ``FieldText("args", "query")`` one
    deeper. Escapes are decoded; a lone surrogate becomes U+FFFD. ``done`` after its last quote.
    """

    def __init__(self, *path: str) -> None:
        """``path`` holds the keys from the root to the field."""
        if not path:
            raise ValueError("FieldText: no path; name the field, as in FieldText('answer')")
        self._path = path
        self._json = JsonText()
        self._objects: list[bool] = []  # the open containers: is it an object?
        self._matched = 0  # how many of them, from the root, lie on the path
        self._at_key = False
        self._hit = False  # the last key read continues the path
        self._string: StringDecoder | None = None
        self._key = ""
        self.done = False

    def feed(self, chunk: str) -> str:
        """What ``chunk`` adds to the text of the field."""
        text = self._json.feed(chunk)
        grown: list[str] = []
        at = 0
        while at < len(text) and not self.done:
            if self._string is not None:
                at = self._read(self._string, text, at, grown)
            else:
                at = self._step(text, at)
        return "".join(grown)

    def _read(self, string: StringDecoder, text: str, at: int, grown: list[str]) -> int:
        piece, at = string.feed(text, at)
        if self._at_key:
            # Longer than the name sought is no match: hold no more of it than shows that.
            self._key = (self._key + piece)[: self._sought_length() + 1]
        elif self._is_target():
            grown.append(piece)
        if string.done:
            self._end_string()
        return at

    def _end_string(self) -> None:
        self._string = None
        if self._at_key:
            on_path = len(self._objects) == self._matched < len(self._path) + 1
            self._hit = on_path and self._key == self._path[self._matched - 1]
            self._at_key = False
        elif self._is_target():
            self.done = True

    def _step(self, text: str, at: int) -> int:
        found = _TOKEN.search(text, at)
        if found is None:
            return len(text)
        self._token(found.group())
        return found.end()

    def _token(self, mark: str) -> None:
        if mark == '"':
            self._string, self._key = StringDecoder(), ""
        elif mark in "{[":
            self._open(is_object=mark == "{")
        elif mark in "}]":
            self._matched = min(self._matched, len(self._objects) - 1)
            self._objects.pop()
            self._at_key = self._hit = False
        elif mark == ",":
            self._at_key = bool(self._objects) and self._objects[-1]
            self._hit = False

    def _open(self, *, is_object: bool) -> None:
        on_path = is_object and (self._hit or not self._objects)
        if on_path and len(self._objects) == self._matched < len(self._path):
            self._matched += 1
        self._objects.append(is_object)
        self._at_key, self._hit = is_object, False

    def _is_target(self) -> bool:
        return self._hit and self._matched == len(self._path) == len(self._objects)

    def _sought_length(self) -> int:
        return len(self._path[self._matched - 1]) if self._matched else 0


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
